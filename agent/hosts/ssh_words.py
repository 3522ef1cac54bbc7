"""What we say to the remote ``sh``: the words it learns first, and how a command is put to it.

POSIX ``sh`` and coreutils are all that is needed; what more there is (``setsid``, ``dd`` of GNU, ``find``, ``awk``) is
used. Nothing that came from outside is ever put into these texts but by `quoted`.
"""

import base64
import math
from collections.abc import Mapping, Sequence

from agent.hosts.process_tree import MARK
from agent.hosts.processes import OURS, PASSED_ON

_BACKSTOP_SECONDS = 2
# The one thing the account's own shell is asked to do, whichever it is. All else is said to a plain sh that has only
# the environment we give commands on our own machine, too.
_WRAP = (
    "exec {sudo}/bin/sh -c 'cd / && exec env -i {ours} {mark}"
    ' TONGUE="${{LC_ALL:-${{LC_MESSAGES:-$LANG}}}}" {passed} /bin/sh\''
)


def first_words(mark: str, *, sudo: bool) -> str:
    """Return the command that turns the account's login shell into ours. *mark* names it among the processes."""
    return _WRAP.format(
        sudo="sudo -n -H -- " if sudo else "",
        ours=" ".join(f"{name}={value}" for name, value in OURS.items()),
        mark=f"{MARK}={mark}",
        passed=" ".join(f'${{{name}:+"{name}=${name}"}}' for name in PASSED_ON),
    )


# 9 is where errors go; the shell's own remarks ("Killed") go nowhere. `say` ends a function in the system's own words,
# which is how a refusal travels: `agent/hosts/ssh.py` turns them back into a number.
PRELUDE = r"""
exec 9>&2 2>/dev/null
mark=$FELDSHER_RUN tongue=$TONGUE; unset TONGUE
say() { printf '%s\n' ": $1" >&2; return 1; }
missing() { ls -d -- "$1" >/dev/null && say 'No such file or directory'; }
only_file() {
  if [ -h "$1" ]; then say 'Too many levels of symbolic links'
  elif [ -f "$1" ]; then return 0
  elif [ -d "$1" ]; then say 'Is a directory'
  elif [ -e "$1" ]; then say 'not a regular file'
  else missing "$1"; return 1
  fi
}
if dd if=/dev/null iflag=nofollow,nonblock,count_bytes,fullblock count=1 status=none; then
  start_of() { dd if="$1" bs=65536 iflag=nofollow,nonblock,count_bytes,fullblock count="$2" status=none; }
else
  start_of() { [ "$2" = 0 ] || head -c "$2" -- "$1"; }
fi
f_read() { only_file "$1" && start_of "$1" "$2"; }
f_each() { grep -aHs '' /proc/[0-9]*/"$1"; return 0; }
f_list() {
  if ! [ -d "$1" ]; then
    if [ -e "$1" ] || [ -h "$1" ]; then say 'Not a directory'; else missing "$1"; fi
    return 1
  fi
  [ -r "$1" ] || { say 'Permission denied'; return 1; }
  for each in "$1"/* "$1"/.[!.]* "$1"/..?*; do
    case ${each##*/} in '*' | '.[!.]*' | '..?*') [ -e "$each" ] || [ -h "$each" ] || continue ;; esac
    printf '%s\0' "${each##*/}"
  done
}
f_stat() { stat -c '%f %s %u %g %Y' -- "$1"; }
f_space() { stat -f -c '%S %b %f %a %c %d' -- "$1"; }
f_link() { readlink -n -- "$1" || { stat -c '' -- "$1" >/dev/null && say 'Invalid argument'; }; }
f_now() { date -u +%s.%N; }
f_facts() {
  printf '%s\0' "$(uname -s)" "$(uname -n)" "$(uname -r)" "$(uname -m)" "$(id -u)" "$tongue"
  if [ -d /run/systemd/system ] && ! [ -h /run/systemd/system ]; then printf 'systemd\0'
  else printf '%s\0' "$(cat /proc/1/comm)"; fi
  head -c 65536 /etc/os-release 2>/dev/null || head -c 65536 /usr/lib/os-release 2>/dev/null || :
}
f_can() {
  for each in setsid timeout python3 bash find awk; do
    if command -v "$each" >/dev/null; then printf '%s\n' "$each"; fi
  done
}
regular_or_link() {
  if [ -h "$1" ] || [ -f "$1" ]; then return 0; fi
  only_file "$1"
}
f_remove() { regular_or_link "$1" && unlink -- "$1" && { sync -- "${1%/*}/" 2>/dev/null || sync; }; }
into_place() { mv -fT -- "$1" "$2" 2>/dev/null || { ! [ -d "$2" ] && mv -f -- "$1" "$2"; }; }
# path, temporary, mode or nothing, length; the content comes as base64
f_write() (
  set -C; umask 077
  old=
  if [ -e "$1" ] || [ -h "$1" ]; then only_file "$1" && old=$(stat -c '%u:%g %a' -- "$1") || exit 1; fi
  stat -c '' -- "${1%/*}/" >/dev/null || exit 1
  own= ; printf '' >"$2" && own=yes && set +C && base64 -d >"$2" && [ "$(stat -c %s -- "$2")" = "$4" ] &&
  if [ -n "$old" ]; then
    cp --attributes-only --preserve=mode,xattr -- "$1" "$2" 2>/dev/null
    chown "${old% *}" "$2" && chmod "${3:-${old#* }}" "$2"
  else chmod "${3:-644}" "$2"; fi &&
  { sync -- "$2" 2>/dev/null || sync; } && into_place "$2" "$1" && { sync -- "${1%/*}/" 2>/dev/null || sync; } && exit 0
  [ -z "$own" ] || rm -f -- "$2"
  exit 1
)
# pid: state, parent, session and start of one process, in fields of proc_pid_stat(5)
look_up() {
  line=; read -r line <"/proc/$1/stat" || [ -n "$line" ] || return 1
  set -- ${line##*) }
  state=$1 parent=$2 session=$4 started=${20}
}
above_us() {
  pid=$$
  while [ "$pid" -gt 1 ] && look_up "$pid"; do [ "$pid" = "$1" ] && return 0; pid=$parent; done
  [ "$1" = 1 ]
}
# pid, start, signal or nothing: says gone, other, ours or there
f_signal() {
  if ! look_up "$1" || [ "$started" != "$2" ]; then echo other; return 0; fi
  case $state in [ZX]) echo gone; return 0 ;; esac
  if above_us "$1"; then echo ours; return 0; fi
  [ -z "$3" ] || kill -s "$3" "$1" || { look_up "$1" && [ "$started" = "$2" ] && return 1; }
  echo there
}
# mark: ends all that carry it, what shares their session and what descends from them; says who is left
f_sweep() {
  known=" " quiet=0 rounds=0 left=
  while [ $quiet -lt 2 ] && [ $rounds -lt 60 ]; do
    rounds=$((rounds + 1)) left= grew=yes
    for each in $(grep -lsF "FELDSHER_RUN=$1" /proc/[0-9]*/environ); do
      each=${each#/proc/} each=${each%/*}
      case $known in *" $each "*) ;; *) known="$known$each " ;; esac
    done
    while [ -n "$grew" ]; do
      grew=
      for each in /proc/[0-9]*; do
        each=${each#/proc/}
        case $known in *" $each "*) continue ;; esac
        look_up "$each" || continue
        case $known in *" $session "* | *" $parent "*) known="$known$each " grew=yes ;; esac
      done
    done
    for each in $known; do
      look_up "$each" || continue
      case $state in [ZX]) continue ;; esac
      left="$left$each "
      kill -s KILL "$each"
    done
    if [ -z "$left" ]; then quiet=$((quiet + 1)); else quiet=0; fi
    sleep 0.02 || sleep 1
  done
  printf '%s' "$left"
}
"""


def quoted(word: str) -> str:
    """Return *word* so that ``sh`` takes it as it is, whatever is in it."""
    return "'" + word.replace("'", "'\\''") + "'"


def called(function: str, *words: str) -> str:
    """Return a call of one of the words that the shell has learnt."""
    return " ".join([function, *map(quoted, words)]) + " 2>&9"


def fed(call: str, content: bytes, token: str) -> str:
    """Return *call* with *content* as its input, in base64."""
    return f"{call} <<'{token}'\n{base64.encodebytes(content).decode()}{token}\n"


def asked(body: str, token: str) -> str:
    """Return a whole request: the answer stands on both streams between *token* and *token*, which nobody else knows.

    All of it stands within braces: a request that is cut off half way is never begun.
    """
    begin = f"printf '%s<\\n' {token}; printf '%s<\\n' {token} >&9"
    end = f"printf '\\n%s %s\\n' {token} \"$?\"; printf '\\n%s\\n' {token} >&9"
    return f"{{ {begin}; {{ {body}\n}} </dev/null; {end}; }}\n"


def found(command: str, environment: Mapping[str, str]) -> str:
    """Return what says where *command* is: its path; ``//no`` where it is not, ``//off`` where it may not be run."""
    if "/" in command:
        places = [command if command.startswith("/") else "/" + command]
    else:
        folders = environment.get("PATH", OURS["PATH"]).split(":")
        places = [f"{folder or '.'}/{command}" for folder in folders]
    listed = " ".join(map(quoted, places))
    return (
        f"off=no; for each in {listed}; do"
        ' if [ -f "$each" ] && [ -x "$each" ]; then printf %s "$each"; off=; break;'
        ' elif [ -e "$each" ]; then off=off; fi; done; printf %s "${off:+"//$off"}"'
    )


def run(  # noqa: PLR0913 - each is one way a command differs
    argv: Sequence[str],
    environment: Mapping[str, str],
    stdin: bytes,
    *,
    mark: str,
    token: str,
    limit_seconds: float,
    can: frozenset[str],
) -> str:
    """Return what runs *argv* in a session and with a mark of its own, and tells its exit code on the error stream.

    Its output passes through pipes: when a daemon that it leaves behind goes on writing, that is not our channel.
    """
    words = ["env", *(f"{name}={value}" for name, value in environment.items()), f"{MARK}={mark}"]
    if "setsid" in can:
        words.append("setsid")
    if "timeout" in can:
        # Should the connection be cut, nobody will be there to end it.
        words += ["timeout", "-s", "KILL", str(math.ceil(limit_seconds) + _BACKSTOP_SECONDS)]
    # In brackets, so that what the shell itself has to say of its end ("Killed") is no output of the command.
    spawn = f"(exec {' '.join(map(quoted, [*words, *argv]))} >&7 2>&6 6>&- 7>&- 9>&-)"
    if stdin:
        ending = f"{token}in"
        spawn = f"base64 -d <<'{ending}' 6>&- 7>&- 9>&- | {spawn}\n{base64.encodebytes(stdin).decode()}{ending}"
    return f"{{ {{ {spawn}\nprintf '\\n{token}:%s\\n' \"$?\" >&9; }} 6>&1 | cat >&9; }} 7>&1 | cat 9>&-"
