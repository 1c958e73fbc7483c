"""A program of the plugin `command`: answers with the last word that it is told, or with what it may do here."""

import json
import sys
import time
from pathlib import Path

import probe

word = json.load(sys.stdin)["messages"][-1]["content"].split()[-1]
if word == "probe":
    probe.main()
    sys.exit()
if word == "hungry":
    hoard = b"x" * (600 << 20)
if word.startswith("slow"):
    busy = Path(f"busy-{word}")
    is_first = not busy.exists()
    busy.touch()
    time.sleep(4 * is_first)
print(f"heard {word}")
