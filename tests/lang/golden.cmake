# Runs `TOOL MODE MODEL` here (MODE may be empty; the words of the file DEFINE follow, if there is one) and compares
# what it prints with the file EXPECTED.
set(words "")
if(DEFINE AND EXISTS ${CMAKE_CURRENT_BINARY_DIR}/${DEFINE})
  file(STRINGS ${CMAKE_CURRENT_BINARY_DIR}/${DEFINE} words)
endif()
execute_process(COMMAND ${TOOL} ${MODE} ${MODEL} ${words} OUTPUT_VARIABLE found RESULT_VARIABLE status)
file(READ ${EXPECTED} expected)
if(NOT found STREQUAL expected)
  message(FATAL_ERROR "${EXPECTED} expects\n${expected}\nbut ${MODE} ${MODEL} (exit ${status}) gives\n${found}")
endif()
