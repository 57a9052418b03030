# The flags of every target of ours; generated flex and bison code uses nlm_generated_flags instead.
add_library(nlm_flags INTERFACE)
target_compile_features(nlm_flags INTERFACE c_std_17)
target_compile_definitions(nlm_flags INTERFACE _POSIX_C_SOURCE=200809L _DEFAULT_SOURCE)
target_include_directories(nlm_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(nlm_flags INTERFACE -Wall -Wextra -Wshadow -Wconversion -Wmissing-prototypes -Werror
                                           -ffp-contract=off -fvisibility=hidden)
add_library(nlm_generated_flags INTERFACE)
target_compile_definitions(nlm_generated_flags INTERFACE _POSIX_C_SOURCE=200809L _DEFAULT_SOURCE)
target_include_directories(nlm_generated_flags INTERFACE ${PROJECT_SOURCE_DIR})

set(NLM_SANITIZE "" CACHE STRING "Sanitizers for everything built here, e.g. address,undefined")
if(NLM_SANITIZE)
  target_compile_options(nlm_flags INTERFACE -fsanitize=${NLM_SANITIZE} -fno-sanitize-recover=all
                                             -fno-omit-frame-pointer)
  target_link_options(nlm_flags INTERFACE -fsanitize=${NLM_SANITIZE})
endif()
