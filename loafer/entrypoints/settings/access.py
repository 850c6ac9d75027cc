"""Who may write a file by its POSIX access control list, which its mode does not tell apart from its group."""

import os
import struct

_LIST = "system.posix_acl_access"
_VERSION, _ENTRY = struct.Struct("<I"), struct.Struct("<HHI")
_USER, _GROUP, _MASK = 0x02, 0x08, 0x10
_MAY_WRITE = 2
_ROOT = 0


def writer_in_list(path: str) -> str | None:
    """Return a user or a group that a file's list lets write it, but for root and this user; None without one."""
    try:
        found = os.getxattr(path, _LIST)
    except (OSError, AttributeError):  # no list, or a system without such lists
        return None
    entries = list(_ENTRY.iter_unpack(found[_VERSION.size :]))
    mask = next((rights for tag, rights, _ in entries if tag == _MASK), _MAY_WRITE)
    for tag, rights, number in entries:
        if rights & mask & _MAY_WRITE:
            if tag == _USER and number not in {_ROOT, os.geteuid()}:
                return f"user {number}"
            if tag == _GROUP and number != _ROOT:
                return f"group {number}"
    return None
