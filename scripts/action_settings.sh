# shellcheck shell=bash
# Settings of the action: read from the environment, checked, kept in a folder for the stages that follow.

kept=(unsafe fail_on threshold baseline fail_on_regression comment_on_pr check_run key image run_in gpus memory model_cache
  allow_unpinned workspace artifact)

plain() { # a text as what a command of the runner says: one short line that stays one
  local text=${1//[[:cntrl:]]/ }
  text=${text//%/%25}
  printf '%s' "${text:0:600}"
}

annotate() { # error|warning|notice TEXT
  printf '::%s title=sway::%s\n' "$1" "$(plain "$2")"
}

fail() { # what is wrong and how to mend it; exit code 2
  annotate error "$1"
  exit 2
}

output() { # NAME VALUE: the one way to set a step's output, a line each
  [[ $2 != *[[:cntrl:]]* ]] || fail "the value of $1 has a control character"
  printf '%s=%s\n' "$1" "$2" >>"${GITHUB_OUTPUT:?}"
}

one_of() { # INPUT VALUE CHOICE...: a value that must be one of a few
  local input=$1 value=$2 choice
  shift 2
  for choice in "$@"; do [ "$value" != "$choice" ] || return 0; done
  fail "$input is '$value', and must be one of: $*"
}

matching() { # INPUT VALUE PATTERN EXAMPLE: a value of a certain form, or none
  [[ -z $2 || $2 =~ ^($3)$ ]] || fail "$1 is '$2', and must look like $4"
}

read_settings() { # the inputs of action.yml
  fail_on=${SWAY_FAIL_ON:-fail} threshold=${SWAY_THRESHOLD:-0} baseline=${SWAY_BASELINE:-auto}
  fail_on_regression=${SWAY_FAIL_ON_REGRESSION:-false} comment_on_pr=${SWAY_COMMENT:-true}
  check_run=${SWAY_CHECK:-false} key=${SWAY_KEY:-} run_in=${SWAY_RUN_IN:-container} gpus=${SWAY_GPUS:-none}
  memory=${SWAY_MEMORY:-} model_cache=${SWAY_MODEL_CACHE:-} allow_unpinned=${SWAY_ALLOW_UNPINNED:-false}
  unsafe=${SWAY_UNSAFE:-false} upload=${SWAY_UPLOAD:-true}
  one_of fail-on "$fail_on" fail warn never
  one_of fail-on-regression "$fail_on_regression" true false
  one_of comment-on-pr "$comment_on_pr" true false
  one_of check-run "$check_run" true false
  one_of upload-artifact "$upload" true false
  one_of allow-unpinned "$allow_unpinned" true false
  one_of unsafe-privileged-event "$unsafe" true false
  one_of run-in "$run_in" container runner
  one_of gpus "$gpus" none all
  matching threshold "$threshold" '0|1|0?\.[0-9]+|[01]\.0+' 0.6
  matching memory "$memory" '[1-9][0-9]*[kmg]' 12g
  [[ ${#key} -le 200 && $key != *[[:cntrl:]]* ]] || fail "key must be one line of at most 200 characters"
  [[ $baseline != *[[:cntrl:]]* ]] || fail "baseline must be one line"
  [[ $model_cache != *[[:cntrl:]]* ]] || fail "model-cache must be one line"
  choose_image
}

read_comment_settings() { # the inputs of comment/action.yml
  fail_on=${SWAY_FAIL_ON:-fail} fail_on_regression=${SWAY_FAIL_ON_REGRESSION:-false} comment_on_pr=true
  check_run=${SWAY_CHECK:-false} run_in=${SWAY_RUN_IN:-container} unsafe=false memory='' gpus=none model_cache='' baseline=${SWAY_BASELINE:-none}
  one_of fail-on "$fail_on" fail warn never
  one_of fail-on-regression "$fail_on_regression" true false
  one_of check-run "$check_run" true false
  one_of run-in "$run_in" container runner
  reports=$(realpath -e -- "${SWAY_REPORTS:?}") || fail "there is no folder $SWAY_REPORTS"
  choose_image
  check_engine
  folder=$(mktemp -d "${RUNNER_TEMP:?}/sway.XXXXXXXX")
}

choose_image() { # the image that this release names, another release's, or one of the user's own
  local repository=${SWAY_IMAGE%%@*}
  repository=${repository%:*}
  matching sway-version "${SWAY_VERSION:-}" 'v?[0-9]+\.[0-9]+\.[0-9]+[A-Za-z0-9.-]*|sha256:[0-9a-f]{64}' "0.2.0 or sha256:..."
  matching image "${SWAY_OTHER_IMAGE:-}" '[A-Za-z0-9][A-Za-z0-9._/:@-]*' "registry/name@sha256:..."
  case ${SWAY_VERSION:-} in
    '') image=$SWAY_IMAGE ;;
    sha256:*) image=$repository@$SWAY_VERSION ;;
    *) image=$repository:v${SWAY_VERSION#v} ;;
  esac
  image=${SWAY_OTHER_IMAGE:-$image}
}

check_event() { # a gate loads what a pull request brings, so it runs only where that pull request has no rights
  case ${GITHUB_EVENT_NAME:-} in
    pull_request | push | merge_group | workflow_dispatch | schedule) return 0 ;;
    pull_request_target | workflow_run)
      [ "$unsafe" = true ] || fail "the event $GITHUB_EVENT_NAME gives what a pull request brings secrets and write access: gate on pull_request, and comment from a workflow_run (docs/github.md)"
      annotate warning "gating under $GITHUB_EVENT_NAME, as unsafe-privileged-event asks"
      ;;
    *) fail "the event '${GITHUB_EVENT_NAME:-}' is none to gate on: use pull_request, push, merge_group, workflow_dispatch or schedule" ;;
  esac
}

keeps_artifacts() { # whether the reports can and shall be kept: upload-artifact refuses GitHub Enterprise Server
  [ "$upload" = true ] || return 1
  [[ ! ${GITHUB_SERVER_URL:-https://github.com} =~ ^https://(github\.com|[A-Za-z0-9.-]+\.ghe\.com)/?$ ]] || return 0
  annotate notice "the reports are not kept as an artifact: upload-artifact does not work on $GITHUB_SERVER_URL (docs/github.md)"
  return 1
}

inside() { # PATH FOLDER: both resolved
  [[ $1 == "$2" || $1 == "$2"/* ]]
}

list_specs() { # the paths and patterns of spec-path, as files of the workspace, each ended by NUL
  local line match real found
  : >"$folder/specs"
  while IFS= read -r line || [ -n "$line" ]; do
    line=${line%$'\r'}
    line=${line#"$workspace"/}
    line=${line#"$GITHUB_WORKSPACE"/}
    [ -n "${line// /}" ] || continue
    found=no
    while IFS= read -r -d '' match; do
      real=$(realpath -ez -- "$workspace/$match" 2>/dev/null | tr '\0\n' '\n\r') || true
      inside "$real" "${workspace//$'\n'/$'\r'}" || fail "spec-path: '$match' leads out of the workspace, or nowhere"
      [ -f "$workspace/$match" ] || fail "spec-path: '$match' is no file"
      printf '%s\0' "$match" >>"$folder/specs"
      found=yes
    done < <(expanded "$line")
    [ "$found" = yes ] || fail "spec-path: nothing in the workspace matches '$line'"
  done <<<"${SWAY_SPEC_PATH:-}"
  sort --zero-terminated --unique --output "$folder/specs" "$folder/specs"
  read_specs
  [ "${#specs[@]}" -gt 0 ] || fail "spec-path names no spec: write for example spec-path: sway.yaml"
  [ "${#specs[@]}" -le 64 ] || fail "spec-path names ${#specs[@]} specs; at most 64 are gated at once"
}

expanded() ( # a path as it is, or the files that a pattern matches
  cd "$workspace" || exit 1
  if [ -e "$1" ] || [ -L "$1" ] || [[ $1 != *[*?[]* ]]; then
    printf '%s\0' "$1"
    return
  fi
  shopt -s nullglob globstar
  IFS=
  # shellcheck disable=SC2086 # unquoted to be matched; with no IFS nothing is split
  set -- $1
  [ $# = 0 ] || printf '%s\0' "$@"
)

read_specs() { mapfile -d '' -t specs <"$folder/specs"; }

check_cache() { # a folder of ours: a pull request must not be able to put weights there
  model_cache=$(realpath -m -- "${model_cache:-$RUNNER_TEMP/sway-models}")
  [[ $model_cache != *[[:cntrl:]]* && $model_cache != / ]] || fail "model-cache is no folder to keep models in"
  ! inside "$model_cache" "$workspace" || fail "model-cache lies in the workspace, where a pull request could put weights of its own"
  ! inside "$workspace" "$model_cache" || fail "model-cache holds the workspace, where a pull request could put weights of its own"
}

on_default_branch() { # whether the event is one of the default branch itself, whose files are nobody's proposal
  case $GITHUB_EVENT_NAME in
    schedule) return 0 ;; # it runs nowhere else
    push | workflow_dispatch)
      [ -n "${SWAY_DEFAULT_BRANCH:-}" ] && [ "${GITHUB_REF:-}" = "refs/heads/$SWAY_DEFAULT_BRANCH" ] ;;
    *) return 1 ;;
  esac
}

place_baseline() { # reports to compare with; from the workspace only as the base branch has them, or the default one
  local path place
  case $baseline in auto | none) return 0 ;; esac
  path=$baseline
  [[ $path == /* ]] || path=$workspace/$path
  place=$(realpath -m -- "$path")
  path=$(realpath -ms -- "$path")
  local mine=no
  if inside "$path" "$workspace" || inside "$place" "$workspace"; then mine=yes; fi
  if [ "$mine" = yes ] && [ -n "${SWAY_BASE_SHA:-}" ]; then
    from_base_branch "$(realpath -ms --relative-to "$workspace" -- "$path")"
  elif [ "$mine" = yes ] && ! on_default_branch; then
    fail "baseline: here a file of the workspace may be the very change that is gated; give one from outside of it, or say auto"
  elif [ -d "$place" ]; then
    collect "$place" "$folder/baseline"
  else
    copy_report "$place" "$folder/baseline/$(basename -- "$place")" || true
  fi
  [ "$(reports_in "$folder/baseline")" != 0 ] || fail "baseline: there is no report at '$baseline' (*.json)"
  if [ "${#specs[@]}" = 1 ] && [ "$(reports_in "$folder/baseline")" = 1 ]; then
    place=$(find "$folder/baseline" -name '*.json')
    [ "$place" = "$folder/baseline/sway.json" ] || mv -- "$place" "$folder/baseline/sway.json"
  fi
}

from_base_branch() { # PATH: a report, or a folder of them, from the commit that the pull request is made against
  [[ $SWAY_BASE_SHA =~ ^[0-9a-f]{40}([0-9a-f]{24})?$ ]] || fail "the event names no commit of the base branch"
  local git=(git -c safe.directory=* -C "$workspace") name
  export GIT_NO_LAZY_FETCH=1
  "${git[@]}" cat-file -e "$SWAY_BASE_SHA" 2>/dev/null ||
    fail "baseline '$baseline' is read as the base branch has it, and that commit is not here: check out with fetch-depth: 0"
  while IFS= read -r -d '' name; do
    [[ $name == *.json && $(base_size "$name") -le $most_bytes ]] || continue
    "${git[@]}" cat-file blob "$SWAY_BASE_SHA:$name" >"$folder/baseline/$(basename -- "$name")"
  done < <("${git[@]}" ls-tree -z --name-only "$SWAY_BASE_SHA" -- "$1"; "${git[@]}" ls-tree -z --name-only "$SWAY_BASE_SHA" -- "$1/")
}

base_size() { "${git[@]}" cat-file -s "$SWAY_BASE_SHA:$1"; }

save_settings() {
  local name
  for name in "${kept[@]}"; do printf '%s=%s\n' "$name" "${!name}"; done >"$folder/settings"
}

load_settings() {
  local line name
  folder=${SWAY_FOLDER:?the check stage must run first}
  while IFS= read -r line; do
    for name in "${kept[@]}"; do
      [ "${line%%=*}" != "$name" ] || printf -v "$name" '%s' "${line#*=}"
    done
  done <"$folder/settings"
  read_specs
}
