"""What is looked at before there is any worker, and what is not even imported."""

import subprocess
import sys

from loafer.entrypoints.settings.mistakes import Mistakes
from loafer.entrypoints.settings.table import RouteSettings, Settings
from loafer.entrypoints.supervisor.supervisor import refuse_memory


def test_sources_in_memory_are_refused() -> None:
    mistakes = Mistakes()
    routes = (RouteSettings(source="memory://orders"), RouteSettings(source="orders"))
    refuse_memory(Settings(processes=2, routes=routes), mistakes)
    [mistake] = map(str, mistakes.found)
    assert mistake.startswith("LOAFER_DEFAULT_ROUTE_SOURCE='memory://orders' (default): 2 processes would each have a ")


def test_the_supervisor_imports_nothing_heavy() -> None:
    heavy = "{'aiobotocore', 'botocore', 'asyncio', 'dependency_injector', 'uvloop'}"
    imported = "loafer.entrypoints.cli, loafer.entrypoints.supervisor.supervisor"
    program = f"import sys, {imported}; sys.exit(bool({heavy} & {{*sys.modules}}))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
