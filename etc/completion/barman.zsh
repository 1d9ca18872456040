#compdef barman
# zsh completion of barman
_barman() {
  local -a lines described
  local line
  lines=("${(@f)$("${(Q)words[1]}" __complete "${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
  case ${lines[1]} in
    :files) _files ;;
    :directories) _files -/ ;;
    *)
      for line in $lines; do
        if [[ $line == *$'\t'* ]]; then
          described+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
        else
          described+=("${line//:/\\:}")
        fi
      done
      _describe -V barman described
      ;;
  esac
}
if [[ $funcstack[1] == _barman ]]; then _barman "$@"; else compdef _barman barman; fi
