# SPDX-License-Identifier: MIT
#
# cmake -D PROGRAM=... -D EXPECTED=... -D SECONDS=... -P compare.cmake: run an example; it
# must exit with 0 in time and print exactly the text of the file. -D EMULATOR=... runs it,
# words separated by '|', where it is built for another processor.
string(REPLACE "|" ";" EMULATOR "${EMULATOR}")
execute_process(COMMAND ${EMULATOR} ${PROGRAM} OUTPUT_VARIABLE printed RESULT_VARIABLE result
    TIMEOUT ${SECONDS})
if(result EQUAL 77)
    message(STATUS "${printed}")
    return()
endif()
if(NOT result EQUAL 0)
    message(FATAL_ERROR "${PROGRAM} ended with: ${result}\n${printed}")
endif()
file(READ ${EXPECTED} expected)
if(NOT printed STREQUAL expected)
    message(FATAL_ERROR "${PROGRAM} printed:\n${printed}instead of:\n${expected}")
endif()
