# The floors from the ground up: floor(FOLDER folders it may call ... LINK foreign libraries).
# A folder without sources yet is an empty library.
function(floor folder)
  cmake_parse_arguments(FLOOR "" "" "LINK" ${ARGN})
  string(REPLACE "/" "_" name ${folder})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/*.c)
  set(generated ${${name}_GENERATED})
  if(sources OR generated)
    add_library(${name} STATIC ${sources} ${generated})
    set(kind PUBLIC)
  else()
    add_library(${name} INTERFACE)
    set(kind INTERFACE)
  endif()
  foreach(below ${FLOOR_UNPARSED_ARGUMENTS})
    string(REPLACE "/" "_" below ${below})
    target_link_libraries(${name} ${kind} ${below})
  endforeach()
  target_link_libraries(${name} ${kind} ${FLOOR_LINK})
endfunction()

# The Kafka messages: schemas in, one header and one table file out.
file(GLOB WIRE_SCHEMAS CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/log/wire/schema/*.lua)
if(WIRE_SCHEMAS)
  set(log_wire_GENERATED ${GENERATED_DIR}/log/wire/messages.c ${GENERATED_DIR}/log/wire/messages.h)
  add_custom_command(
    OUTPUT ${log_wire_GENERATED}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${GENERATED_DIR}/log/wire
    COMMAND ${LUA_PROGRAM} ${CMAKE_SOURCE_DIR}/scripts/gen/wire.lua
            ${GENERATED_DIR}/log/wire/messages.h ${GENERATED_DIR}/log/wire/messages.c
            ${WIRE_SCHEMAS}
    DEPENDS ${CMAKE_SOURCE_DIR}/scripts/gen/wire.lua ${WIRE_SCHEMAS}
    COMMENT "Generating the Kafka messages")
  add_custom_target(wire_messages DEPENDS ${log_wire_GENERATED})
endif()

# protobuf_messages(FLOOR FILE COMMENT): FILE.proto as C, compiled with FLOOR.
function(protobuf_messages floor file comment)
  if(NOT EXISTS ${CMAKE_SOURCE_DIR}/${file}.proto)
    return()
  endif()
  set(generated ${GENERATED_DIR}/${file}.pb-c.c ${GENERATED_DIR}/${file}.pb-c.h)
  add_custom_command(
    OUTPUT ${generated}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${GENERATED_DIR}
    COMMAND ${PROTOC_C_PROGRAM} --proto_path=${CMAKE_SOURCE_DIR} --c_out=${GENERATED_DIR}
            ${file}.proto
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
    DEPENDS ${CMAKE_SOURCE_DIR}/${file}.proto
    COMMENT "${comment}")
  set_source_files_properties(${GENERATED_DIR}/${file}.pb-c.c PROPERTIES COMPILE_OPTIONS
                              "-Wno-error;-w")
  set(${floor}_GENERATED ${generated} PARENT_SCOPE)
endfunction()

protobuf_messages(log_meta log/meta/meta "Generating the control-plane records")
protobuf_messages(log_server log/server/otlp "Generating the metrics of clients")

# The library that scripts see, as bytes; files in the order of loading.
set(library_files base stream branch process plugin aggregator group window cogroup app table join
                  result)
list(TRANSFORM library_files PREPEND ${CMAKE_SOURCE_DIR}/runtime/lua/library/)
list(TRANSFORM library_files APPEND .lua)
set(library_modules ${CMAKE_SOURCE_DIR}/scripts/lib/logs.lua
                    ${CMAKE_SOURCE_DIR}/scripts/lib/metrics.lua
                    ${CMAKE_SOURCE_DIR}/runtime/lua/library/test.lua)
set(runtime_lua_GENERATED ${GENERATED_DIR}/runtime/lua/library.c
                          ${GENERATED_DIR}/runtime/lua/library_modules.c)
foreach(list library_files library_modules)
  string(REPLACE "library_files" "library" output ${GENERATED_DIR}/runtime/lua/${list}.c)
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${GENERATED_DIR}/runtime/lua
    COMMAND ${LUA_PROGRAM} ${CMAKE_SOURCE_DIR}/scripts/gen/embed.lua ${output} ${list} ${${list}}
    DEPENDS ${CMAKE_SOURCE_DIR}/scripts/gen/embed.lua ${${list}}
    COMMENT "Embedding ${list}")
endforeach()

floor(log/base LINK Threads::Threads PkgConfig::PCRE2 m)
floor(log/io log/base LINK PkgConfig::UV)
floor(log/wire log/base LINK PkgConfig::ZLIB PkgConfig::LZ4 PkgConfig::ZSTD ${SNAPPY_LIBRARY})
floor(log/net log/wire log/io log/base)
floor(log/store log/wire log/io log/base)
floor(log/meta log/wire log/base LINK PkgConfig::PROTOBUFC)
floor(log/quorum log/store log/net log/wire log/io log/base)
floor(log/replica log/meta log/store log/net log/wire log/io log/base)
floor(log/controller log/quorum log/meta log/net log/wire log/io log/base)
floor(log/coordinator log/replica log/meta log/net log/wire log/io log/base)
floor(log/server log/coordinator log/controller log/replica log/quorum log/meta log/store log/net
      log/wire log/io log/base)
floor(log log/server log/coordinator log/controller log/replica log/quorum log/meta log/store
      log/net log/wire log/io log/base)

floor(runtime/client log/net log/wire log/io log/base)
floor(runtime/format log/base)
floor(runtime/state runtime/client runtime/format log/io log/base LINK ${LMDB_LIBRARY})
floor(runtime/topology runtime/state runtime/format log/base)
floor(runtime/aggregate runtime/format log/base)
floor(runtime/operators runtime/aggregate runtime/topology runtime/state runtime/format log/base)
floor(runtime/task runtime/topology runtime/state runtime/format runtime/client log/wire log/io
      log/base)
floor(runtime/driver runtime/task runtime/topology runtime/state runtime/format log/base)
floor(runtime/lua runtime/operators runtime/aggregate runtime/topology runtime/state runtime/format
      log/base LINK PkgConfig::LUA)
floor(runtime/plugin log/base LINK ${CMAKE_DL_LIBS})
floor(runtime/transform runtime/plugin runtime/aggregate runtime/topology runtime/state
      runtime/format log/base)
floor(runtime/connect runtime/plugin runtime/task runtime/topology runtime/state runtime/format
      runtime/client log/wire log/io log/base)
floor(runtime/app runtime/connect runtime/transform runtime/lua runtime/plugin runtime/operators
      runtime/task runtime/topology runtime/state runtime/format runtime/client log/wire log/io
      log/base)
floor(runtime/host runtime/app runtime/connect runtime/task runtime/client log/wire log/io log/base)
floor(runtime/admin runtime/client runtime/format log/io log/base LINK PkgConfig::MICROHTTPD)
floor(runtime/cli runtime/admin runtime/host runtime/app runtime/client runtime/format log/meta
      log/store log/wire log/io log/base)
