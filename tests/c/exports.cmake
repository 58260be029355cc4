# SPDX-License-Identifier: Apache-2.0
#
# The shared library exports exactly the functions of the committed list.
execute_process(COMMAND ${NM} -D --defined-only ${LIBRARY} OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "[^\n]+" lines "${symbols}")
set(exported)
foreach(line IN LISTS lines)
    string(REGEX REPLACE "^.* ([^ @]+)(@.*)?$" "\\1" name "${line}")
    list(APPEND exported ${name})
endforeach()
file(STRINGS ${LIST} expected)
set(missing ${expected})
list(REMOVE_ITEM missing ${exported})
set(surplus ${exported})
list(REMOVE_ITEM surplus ${expected})
if(missing OR surplus)
    message(FATAL_ERROR "${LIBRARY} against ${LIST}: missing: ${missing}; too many: ${surplus}")
endif()
