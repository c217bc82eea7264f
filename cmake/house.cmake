# What stands on the floors: the program and the shipped connectors.
file(GLOB main_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/runtime/main/*.c)
if(main_sources)
  # All but the start is a library, for the tests of its parts.
  list(REMOVE_ITEM main_sources ${CMAKE_SOURCE_DIR}/runtime/main/main.c)
  add_library(runtime_main STATIC ${main_sources})
  target_link_libraries(runtime_main runtime_cli runtime_host runtime_driver runtime_admin log
                        PkgConfig::MICROHTTPD)
  add_executable(tidemill ${CMAKE_SOURCE_DIR}/runtime/main/main.c)
  target_link_libraries(tidemill runtime_main)
  target_link_options(tidemill PRIVATE ${TIDEMILL_WHOLE_PROGRAM})
  set_target_properties(tidemill PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
endif()

# Connectors include only runtime/plugin/tidemill.h and connectors/shared, which is compiled into
# each of them; they link nothing of ours.
function(connector name)
  cmake_parse_arguments(CONNECTOR "" "" "LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/connectors/${name}/*.c)
  file(GLOB shared CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/connectors/shared/*.c)
  if(sources)
    add_library(connector_${name} MODULE ${sources} ${shared})
    target_compile_options(connector_${name} PRIVATE -fvisibility=hidden)
    target_link_libraries(connector_${name} PRIVATE ${CONNECTOR_LINK})
    set_target_properties(connector_${name} PROPERTIES PREFIX "" OUTPUT_NAME ${name}
                          LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/connectors)
  endif()
endfunction()

connector(file LINK PkgConfig::ZLIB)
connector(sqlite LINK PkgConfig::SQLITE)
connector(regex LINK PkgConfig::PCRE2)
connector(geoip LINK PkgConfig::MAXMINDDB Threads::Threads m)
