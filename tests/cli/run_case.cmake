# Runs `NLMC ARGS` (words separated by '|') in the folder FOLDER and compares standard output and standard error
# together with the file EXPECTED, and the exit code with STATUS.
string(REPLACE "|" ";" words "${ARGS}")
execute_process(COMMAND ${NLMC} ${words} WORKING_DIRECTORY ${FOLDER} OUTPUT_VARIABLE found ERROR_VARIABLE found
                RESULT_VARIABLE status)
file(READ ${EXPECTED} expected)
if(NOT status STREQUAL "${STATUS}")
  message(FATAL_ERROR "nlmc ${words} should exit with ${STATUS}, exited with ${status} and said\n${found}")
endif()
if(NOT found STREQUAL expected)
  message(FATAL_ERROR "nlmc ${words}: ${EXPECTED} expects\n${expected}\nbut it says\n${found}")
endif()
