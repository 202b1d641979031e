#!/usr/bin/env bash
# What the steps of action.yml run: action.sh check|fetch|last-report|gate|post|comment
#
# `check` looks at every setting once and leaves them in a folder for the stages after it. Nothing that comes from a
# pull request is evaluated here, and whatever a container wrote is data. docs/design/action.md says why.
set -euo pipefail
export LC_ALL=C.UTF-8
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=scripts/action_settings.sh
. "$here/action_settings.sh"
# shellcheck source=scripts/action_containers.sh
. "$here/action_containers.sh"

check() { # every setting, the specs, the image and the baseline, before anything is run
  [ "${RUNNER_OS:-Linux}" = Linux ] || fail "this action runs on Linux runners; elsewhere call sway gate and sway post in steps of your own"
  read_settings
  check_event
  workspace=$(realpath -e -- "${GITHUB_WORKSPACE:?}") || fail "there is no workspace: check out the repository before this step"
  [[ $workspace != *[[:cntrl:]]* ]] || fail "the workspace's path has a control character"
  check_engine
  folder=$(mktemp -d "${RUNNER_TEMP:?}/sway.XXXXXXXX")
  mkdir "$folder/out" "$folder/report" "$folder/baseline"
  : >"$folder/specs"
  artifact=sway-report-$(printf '%s\0' "$key" "${SWAY_SPEC_PATH:-}" | sha256sum | cut -c 1-8)
  printf '%s' "${SWAY_SPEC_PATH:-}" >"$folder/spec-path"
  save_settings
  # From here on whatever is wrong is told in the comment too, so that none of an earlier commit's stands for this one.
  output folder "$folder"
  output report "$folder/report"
  output artifact "$artifact"
  if keeps_artifacts; then output keep true; else output keep false; fi
  list_specs
  check_cache
  place_baseline
  save_settings
}

fetch() { # base models that the specs pin on the hub, into the cache; no token of GitHub, no pull request's code
  load_settings
  local code=0 options=()
  [ "$allow_unpinned" = false ] || options=(--allow-unpinned)
  mkdir -p "$model_cache"
  if [ "$run_in" = container ]; then
    mounts_of_workspace
    add_mount "$model_cache" /models rw
    # Its other way of transfer keeps a cache of its own, of gigabytes, where only little may be written.
    told contained --env HF_HUB_OFFLINE=0 --env HF_HUB_DISABLE_XET=1 "${hub_env[@]}" "${mounts[@]}" --workdir /src "$image" \
      fetch --cache /models --within /src "${options[@]}" -- "${specs[@]}" || code=$?
  else
    told on_runner "$workspace" HF_HUB_OFFLINE=0 "${hub_pairs[@]}" sway \
      fetch --cache "$model_cache" --within "$workspace" "${options[@]}" -- "${specs[@]}" || code=$?
  fi
  output exit "$(known "$code" "fetching base models")"
}

last_report() { # what the base branch's last run reported: read with the token, by code that is ours
  load_settings
  local code=0
  if [ "$run_in" = container ]; then
    mounts=()
    add_mount "$folder/baseline" "$folder/baseline" rw
    mount_if_there "${GITHUB_EVENT_PATH:-}" ro
    contained "${github_env[@]}" --env "SWAY_FAIL_ON_REGRESSION=$fail_on_regression" \
      --env "SWAY_ALLOW_PULL_REQUEST_TARGET=$unsafe" "${mounts[@]}" "$image" \
      last-report --artifact "$artifact" --output "$folder/baseline" || code=$?
  else
    on_runner "$folder" "${github_pairs[@]}" "SWAY_FAIL_ON_REGRESSION=$fail_on_regression" \
      "SWAY_ALLOW_PULL_REQUEST_TARGET=$unsafe" sway last-report --artifact "$artifact" --output "$folder/baseline" || code=$?
  fi
  output exit "$(known "$code" "reading the base branch's reports")"
}

gate() { # the gate itself: no network, no token, nothing writable but one folder; its outcome is its exit code
  load_settings
  if [ "${SWAY_FETCH_EXIT:-3}" != 0 ]; then
    output exit "$(known "${SWAY_FETCH_EXIT:-3}" "fetching base models")"
    return
  fi
  local code=0 name=sway
  [ "${#specs[@]}" = 1 ] || name='{name}'
  if [ "$run_in" = container ]; then
    mounts_of_workspace
    add_mount "$folder/out" /out rw
    [ ! -d "$model_cache" ] || add_mount "$model_cache" /models ro
    gate_arguments /out "$name"
    told contained --network none "${mounts[@]}" --workdir /src "$image" "${asked[@]}" -- "${specs[@]}" || code=$?
  else
    gate_arguments "$folder/out" "$name"
    told on_runner "$workspace" HF_HUB_OFFLINE=1 sway "${asked[@]}" -- "${specs[@]}" || code=$?
  fi
  collect "$folder/out" "$folder/report"
  output exit "$(known "$code" "the gate")"
}

post() { # summary, comment and outputs from the reports: a token, and nothing of the pull request but its reports
  load_settings
  local gate_exit code=0 lost=0
  gate_exit=$(known "${SWAY_GATE_EXIT:-3}" "the gate")
  if [ "${SWAY_CHECKED:-success}" = success ]; then
    what_is_missing
  else
    gate_exit=2
  fi
  gate_exit=$(gravest "$gate_exit" "$lost")
  printf '%s\n' "$key" >"$folder/report/key"
  cp "$folder/spec-path" "$folder/report/spec-path"
  publish "$folder/report" "$folder/baseline" "$gate_exit" "$key" "$(cat "$folder/spec-path")" || code=$?
  [ "$code" -le 3 ] || output verdict error # whatever it wrote before it was ended
  code=$(gravest "$(known "$code" "the report")" "$gate_exit")
  printf '%s\n' "$code" >"$folder/report/gate-exit" # of all of it, which is what a second half must not be greener than
  exit "$code"
}

what_is_missing() { # sets `lost` where there can be no verdict, before anybody is told one
  say_what_is_not_compared "$folder/baseline"
  if [ "$(reports_in "$folder/report")" != "${#specs[@]}" ]; then
    lost=3
    annotate error "$(reports_in "$folder/report") of ${#specs[@]} reports were written, so there is no verdict"
  fi
  if [ "$fail_on_regression" = true ] && [ "${SWAY_LAST_EXIT:-0}" != 0 ]; then
    lost=3
    annotate error "the base branch's reports could not be read, so whether it is worse is not known (grant actions: read)"
  fi
}

comment() { # the second half of a gate that ran without write access: each artifact's reports, one comment a key
  read_comment_settings
  local code worst=0 place seen=0 to
  for place in "$reports"/*; do
    [ -d "$place" ] && [ ! -L "$place" ] || continue
    seen=$((seen + 1))
    [ "$seen" -le 50 ] || fail "more than 50 artifacts are more than this comments on"
    to=$folder/$seen
    mkdir -p "$to/report" "$to/baseline"
    collect "$place" "$to/report"
    before_of "$place" "$to/baseline"
    say_what_is_not_compared "$to/baseline"
    code=0
    publish "$to/report" "$to/baseline" "$(start_of "$place/gate-exit" 1)" "$(start_of "$place/key" 1)" \
      "$(start_of "$place/spec-path" 1000)" || code=$?
    worst=$(gravest "$(known "$code" "the report")" "$worst")
  done
  [ "$seen" != 0 ] || fail "there is no folder of reports in $reports: download the artifacts sway-report-* without merging them"
  exit "$worst"
}

case ${1:-} in
  check) check ;;
  fetch) fetch ;;
  last-report) last_report ;;
  gate) gate ;;
  post) post ;;
  comment) comment ;;
  *) fail "usage: $0 check|fetch|last-report|gate|post|comment" ;;
esac
