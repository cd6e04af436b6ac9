"""Takes the network and the files away from a process that renders, as far as the kernel lets us.

The renderer's own table of resources (`render`) already refuses every address. This is the wall behind it, for the
case that a library does what it should not: Landlock (Linux 5.13 and newer; TCP from 6.7) leaves a process nothing to
read but programs, fonts, style sheets and templates, and nothing to write; a network namespace of its own leaves it no
network, not even this machine's. Neither needs root; a container may forbid both. `/healthz?full` says what holds.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

from config import ROOT

_NEW_USER, _NEW_NET = 0x10000000, 0x40000000  # linux/sched.h
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same numbers on all processors
_RULE_PATH_BENEATH, _VERSION_FLAG = 1, 1
_NO_NEW_PRIVILEGES = 38  # prctl
_EXECUTE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 2, 1 << 3  # linux/landlock.h
#: version of Landlock → all rights over files that it knows
_ALL_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
_SHARED_LIBRARIES = ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib", "/lib64")

_libc = ctypes.CDLL(None, use_errno=True)


def confine() -> frozenset[str]:
    """Confine this process for good; gives what has been achieved: of "network" and "files", what is out of reach."""
    found = set()
    if _without_network():
        found.add("network")
    if _without_files(readable()):
        found.add("files")
    return frozenset(found)


def readable() -> list[Path]:
    """What a renderer may still read: Python, the libraries, our program, fonts, style sheets and templates."""
    named = sysconfig.get_paths()
    paths = [Path(named[name]) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    paths += [Path(entry) for entry in sys.path if entry and Path(entry).resolve() != ROOT]
    paths += [Path(entry) for entry in _SHARED_LIBRARIES]
    paths += [ROOT / "static", ROOT / "templates" / "documents", *ROOT.glob("*.py")]
    paths += {path.parent for path in ROOT.glob("*/*.py")}  # not the data folder: there is no program in it
    return [path for path in dict.fromkeys(paths) if path.exists()]


def _without_network() -> bool:
    """A network namespace of our own, without an interface that is up. A user namespace lets us do so without root."""
    return any(_libc.unshare(flags) == 0 for flags in (_NEW_NET, _NEW_USER | _NEW_NET))


def _without_files(readable: Iterable[Path]) -> bool:
    """Landlock: nothing but `readable` can be opened from now on, and nothing for writing."""
    version = _libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION_FLAG)
    if version < 1:
        return False
    rights = _ALL_RIGHTS[min(version, max(_ALL_RIGHTS))]
    attributes = struct.pack("QQ", rights, 0b11) if version >= 4 else struct.pack("Q", rights)  # 0b11: TCP both ways
    rules = _libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    if rules < 0:
        return False
    try:
        for path in readable:
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
            allowed = _READ_FILE | _EXECUTE | (_READ_DIR if path.is_dir() else 0)
            rule = struct.pack("=Qi", allowed, descriptor)
            added = _libc.syscall(_ADD_RULE, rules, _RULE_PATH_BENEATH, rule, 0)
            os.close(descriptor)
            if added:
                return False
        return not _libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) and not _libc.syscall(_RESTRICT_SELF, rules, 0)
    finally:
        os.close(rules)
