# Runs `TOOL MODE MODEL` here and compares what it prints with the file EXPECTED.
execute_process(COMMAND ${TOOL} ${MODE} ${MODEL} OUTPUT_VARIABLE found RESULT_VARIABLE status)
file(READ ${EXPECTED} expected)
if(NOT found STREQUAL expected)
  message(FATAL_ERROR "${EXPECTED} expects\n${expected}\nbut ${MODE} ${MODEL} (exit ${status}) gives\n${found}")
endif()
