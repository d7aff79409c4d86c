# Writes build_info.h with what Hello says about the build: commit, compiler, flags. Asked at every build, rewritten only
# when it changed; no time stamp, so that equal sources give an equal image.
if(CMAKE_SCRIPT_MODE_FILE)
    execute_process(COMMAND git -C ${SOURCE} describe --always --dirty --abbrev=12
        OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    if(NOT commit)
        set(commit unknown)
    endif()
    file(CONFIGURE OUTPUT ${OUTPUT} @ONLY CONTENT [[
#define FIRMWARE_COMMIT "@commit@"
#define FIRMWARE_COMPILER "@COMPILER@"
#define FIRMWARE_FLAGS "@FLAGS@"
]])
    return()
endif()

set(build_info_header ${CMAKE_CURRENT_BINARY_DIR}/build_info.h)
set(build_info_command ${CMAKE_COMMAND} -DSOURCE=${CMAKE_CURRENT_LIST_DIR} -DOUTPUT=${build_info_header}
    "-DCOMPILER=arm-none-eabi-gcc ${CMAKE_C_COMPILER_VERSION}"
    "-DFLAGS=-mcpu=cortex-m0plus ${CMAKE_C_FLAGS_RELEASE}"
    -P ${CMAKE_CURRENT_LIST_FILE})
add_custom_target(build_info BYPRODUCTS ${build_info_header} COMMAND ${build_info_command} VERBATIM)
