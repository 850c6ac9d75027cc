"""`python -m loafer` is `loafer`."""

from loafer.entrypoints.cli import main

if __name__ == "__main__":
    main()
