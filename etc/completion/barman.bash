# bash completion of barman
_barman() {
  local candidates word
  mapfile -t candidates < <("$1" __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  word=${COMP_WORDS[COMP_CWORD]}
  [[ $word == "=" ]] && word=
  COMPREPLY=()
  case ${candidates[0]-} in
    :files)
      compopt -o filenames
      mapfile -t COMPREPLY < <(compgen -f -- "$word")
      ;;
    :directories)
      compopt -o filenames
      mapfile -t COMPREPLY < <(compgen -d -- "$word")
      ;;
    *)
      local candidate quoted
      for candidate in "${candidates[@]}"; do
        printf -v quoted '%q' "${candidate%%$'\t'*}"
        COMPREPLY+=("$quoted")
      done
      ;;
  esac
}
complete -F _barman barman
