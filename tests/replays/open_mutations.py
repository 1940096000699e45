"""Open mutated files FIRST … LAST-1 as a viewer would, in an empty folder; prints what came of it as JSON.

Whatever is opened for writing, and whatever process is started, is noted.
"""

import json
import sys
import time
from collections import Counter
from pathlib import Path

from mutations import goods, mutated

from marl_ppo.errors import MarlPPOError
from marl_ppo.replays.files import read_replay
from marl_ppo.replays.verify import verify
from marl_ppo.viewer.replayed import ReplayTimeline


def main(folder: Path, first: int, last: int) -> None:
    files = goods(folder)
    written: list[str] = []
    quiet = True

    def audit(event: str, arguments: tuple[object, ...]) -> None:
        writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
        if not quiet and (
            writes or event in ("os.system", "subprocess.Popen", "os.exec", "os.mkdir", "os.rename", "socket.connect")
        ):
            written.append(f"{event} {arguments[:1]}")

    path = Path("it.replay")
    for good in sorted(folder.glob("*.replay")):  # compiles what is needed, which writes into the kernels' cache
        look(good)
    sys.addaudithook(audit)
    came: Counter[str] = Counter()
    wrong: list[str] = []
    slowest = 0.0
    for number in range(first, last):
        quiet = True
        path.write_bytes(mutated(files[number % len(files)], number))
        quiet = False
        began = time.perf_counter()
        try:
            came[look(path)] += 1
        except MarlPPOError as error:
            came["refused"] += 1
            if len(str(error)) > 1000:
                wrong.append(f"{number}: a message of {len(str(error))} letters")
        except BaseException as error:
            wrong.append(f"{number}: {type(error).__name__}: {str(error)[:200]}")
        slowest = max(slowest, time.perf_counter() - began)
    quiet = True
    peak = most_memory_mb()
    left = sorted(file.name for file in Path().iterdir())
    print(json.dumps({"came": came, "wrong": wrong, "written": written, "left": left, "peak_mb": peak, "slowest_s": slowest}))


def most_memory_mb() -> float:
    """That this program has had. Not getrusage's, which remembers the process that started it; 0 where nobody tells."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


def look(path: Path) -> str:
    """Read it, check it, and draw its middle and its end."""
    replay = read_replay(path)
    verdict = verify(replay)
    if verdict.kind != "differs":
        timeline = ReplayTimeline(replay)
        for step in (0, timeline.last // 2, timeline.last):
            timeline.moment(step)
        timeline.close()
    return verdict.kind


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
