# Completion of microcloud for bash; zsh has _microcloud.
# Commands and options are asked of the program itself, so this file knows none. Install it as
# /usr/share/bash-completion/completions/microcloud, or source it.

_microcloud() {
  local program=${COMP_WORDS[0]} command=${COMP_WORDS[1]} word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    mapfile -t COMPREPLY < <(compgen -W "$("$program" --help 2>/dev/null | awk '/^  [a-z]/ { print $1 }') --help --version" -- "$word")
    return
  fi
  local words
  words=$("$program" "$command" --help-words 2>/dev/null) || return

  # What the option before this word takes: TYPE, or TYPE:{one,other}.
  local type
  type=$(awk -F '\t' -v option="$previous" '{ n = split($1, names, " "); for (i = 1; i <= n; i++) if (names[i] == option) print $2 }' <<<"$words")
  case $type in
    *:\{*\}*)
      type=${type#*\{}
      mapfile -t COMPREPLY < <(compgen -W "$(tr ',' ' ' <<<"${type%%\}*}")" -- "$word")
      ;;
    FILE*) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
    DIR*) mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
    IFACE*) mapfile -t COMPREPLY < <(compgen -W "$(ls /sys/class/net)" -- "$word") ;;
    NAME*) ;;
    '') mapfile -t COMPREPLY < <(compgen -W "$(cut -f 1 <<<"$words")" -- "$word") ;;
  esac
}

complete -o filenames -F _microcloud microcloud
