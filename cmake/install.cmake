# `cmake --install` and `cpack`: the program, its connectors, the header for more of them with its
# pkg-config file, examples, manual pages, completion, and a system service.
#
# Below prefix: bin/tidemill, lib/tidemill/connectors, lib/tidemill/tools (the program under the
# names of other tools), include/tidemill.h, share. The service's files go to /etc and /lib/systemd
# when the prefix is /usr, else below the prefix. Pages and scripts are asked of the program when it
# is installed.
include(GNUInstallDirs)
set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON) # what is installed is built, not the tests

set(PACKAGE_FILES ${CMAKE_SOURCE_DIR}/cmake/package)
set(DOC_DIR ${CMAKE_INSTALL_DATADIR}/doc/tidemill)

install(TARGETS tidemill RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS connector_file connector_sqlite connector_regex connector_geoip
        LIBRARY DESTINATION lib/tidemill/connectors)
install(FILES runtime/plugin/tidemill.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
configure_file(${PACKAGE_FILES}/tidemill.pc.in ${GENERATED_DIR}/tidemill.pc @ONLY)
install(FILES ${GENERATED_DIR}/tidemill.pc
        DESTINATION ${CMAKE_INSTALL_DATADIR}/pkgconfig)
install(FILES README.md runtime/lua/reference.md DESTINATION ${DOC_DIR})
install(FILES runtime/plugin/guide.md DESTINATION ${DOC_DIR} RENAME plugins.md)
install(FILES ${PACKAGE_FILES}/copyright DESTINATION ${DOC_DIR})
install(DIRECTORY examples DESTINATION ${DOC_DIR} USE_SOURCE_PERMISSIONS)

install(CODE "set(PROGRAM \"$<TARGET_FILE:tidemill>\")
set(PACKAGE_FILES \"${PACKAGE_FILES}\")
set(SCRATCH \"${CMAKE_BINARY_DIR}/install\")
set(VERSION \"${PROJECT_VERSION}\")
set(DOC_DIR \"${DOC_DIR}\")
set(MAN_DIR \"${CMAKE_INSTALL_DATADIR}/man\")")
install(SCRIPT cmake/install_made.cmake)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME tidemill)
set(CPACK_PACKAGE_VENDOR Tidemill)
set(CPACK_PACKAGE_CONTACT "Tidemill maintainers <maintainers@tidemill.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "log broker with the Kafka protocol, Lua beside the data")
set(CPACK_PACKAGE_DESCRIPTION
    "A durable, partitioned log that every Kafka client can use unchanged, a stream
processor that runs Lua between its topics, and a host of connectors for files
and databases, in one small program. It starts in milliseconds and needs no
configuration; what it acknowledges is on disk.")
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_BINARY_DIR}/package)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS adduser)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "kcat, sqlite3")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${PACKAGE_FILES}/postinst ${PACKAGE_FILES}/prerm
    ${PACKAGE_FILES}/postrm ${PACKAGE_FILES}/conffiles)
include(CPack)
