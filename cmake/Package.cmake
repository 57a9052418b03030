# What `cmake --install` puts in place. Every path inside the installed files is relative to the files themselves, so an
# installation may be moved as a whole. nlmc looks for libnlm.a in ../lib.
include(CMakePackageConfigHelpers)

add_dependencies(nlmc nlm_libraries) # `nlmc build` links libnlm.a

configure_file(${CMAKE_CURRENT_LIST_DIR}/nlm.pc.in ${PROJECT_BINARY_DIR}/package/nlm.pc @ONLY)
configure_file(${CMAKE_CURRENT_LIST_DIR}/nlmConfig.cmake.in ${PROJECT_BINARY_DIR}/package/nlmConfig.cmake @ONLY)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/package/nlmConfigVersion.cmake COMPATIBILITY SameMinorVersion)

install(TARGETS nlmc RUNTIME DESTINATION bin)
install(FILES ${PROJECT_BINARY_DIR}/runtime/libnlm.a DESTINATION lib)
install(PROGRAMS ${PROJECT_BINARY_DIR}/runtime/libnlm.so.${PROJECT_VERSION_MAJOR} DESTINATION lib)
install(FILES ${PROJECT_BINARY_DIR}/runtime/libnlm.so DESTINATION lib)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/runtime/include/nlm DESTINATION include)
install(FILES ${PROJECT_BINARY_DIR}/package/nlm.pc DESTINATION lib/pkgconfig)
install(FILES ${PROJECT_BINARY_DIR}/package/nlmConfig.cmake ${PROJECT_BINARY_DIR}/package/nlmConfigVersion.cmake
        DESTINATION lib/cmake/nlm)
