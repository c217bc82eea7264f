# Runs during an installation: pages and scripts that the program prints of itself, and the files of
# the service, whose places depend on the prefix. DESTDIR is honoured by file(INSTALL).
set(prefix ${CMAKE_INSTALL_PREFIX})
if(prefix STREQUAL "/usr")
  set(ETC /etc)
  set(units /lib/systemd/system)
else()
  set(ETC ${prefix}/etc)
  set(units ${prefix}/lib/systemd/system)
endif()
set(BINDIR ${prefix}/bin)
set(share ${prefix}/share)
file(REMOVE_RECURSE ${SCRATCH})
file(MAKE_DIRECTORY ${SCRATCH})

function(ask file)
  execute_process(COMMAND ${PROGRAM} ${ARGN} OUTPUT_FILE ${SCRATCH}/${file}
                  COMMAND_ERROR_IS_FATAL ANY)
endfunction()

function(compress file)
  execute_process(COMMAND gzip -9nf ${SCRATCH}/${file} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# Manual pages.
ask(tidemill.1 manual)
ask(tidemill.properties.5 manual tidemill.properties)
compress(tidemill.1)
compress(tidemill.properties.5)
file(INSTALL ${SCRATCH}/tidemill.1.gz DESTINATION ${prefix}/${MAN_DIR}/man1)
file(INSTALL ${SCRATCH}/tidemill.properties.5.gz DESTINATION ${prefix}/${MAN_DIR}/man5)

# Completion, where each shell of Debian looks for it.
ask(tidemill completion bash)
file(INSTALL ${SCRATCH}/tidemill DESTINATION ${share}/bash-completion/completions)
ask(_tidemill completion zsh)
file(INSTALL ${SCRATCH}/_tidemill DESTINATION ${share}/zsh/vendor-completions)
ask(tidemill.fish completion fish)
file(INSTALL ${SCRATCH}/tidemill.fish DESTINATION ${share}/fish/vendor_completions.d)

# The service.
configure_file(${PACKAGE_FILES}/tidemill.service.in ${SCRATCH}/tidemill.service @ONLY)
file(INSTALL ${SCRATCH}/tidemill.service DESTINATION ${units})
file(INSTALL ${PACKAGE_FILES}/server.properties DESTINATION ${ETC}/tidemill)

# The changes, as far as a package needs them.
string(TIMESTAMP now "%a, %d %b %Y %H:%M:%S +0000" UTC)
file(WRITE ${SCRATCH}/changelog "tidemill (${VERSION}) unstable; urgency=medium\n\n"
     "  * Version ${VERSION}.\n\n -- Tidemill maintainers <maintainers@tidemill.invalid>  ${now}\n")
compress(changelog)
file(INSTALL ${SCRATCH}/changelog.gz DESTINATION ${prefix}/${DOC_DIR})

# The program under other tools' names, for those who put this folder into their PATH.
set(tools $ENV{DESTDIR}${prefix}/lib/tidemill/tools)
file(MAKE_DIRECTORY ${tools})
foreach(tool kafka-topics kafka-console-producer kafka-console-consumer kafka-consumer-groups
        kafka-configs kafka-get-offsets kafka-producer-perf-test kafka-dump-log
        kafka-delete-records kafka-transactions kcat)
  file(CREATE_LINK ../../../bin/tidemill ${tools}/${tool} SYMBOLIC)
  if(NOT tool STREQUAL kcat)
    file(CREATE_LINK ../../../bin/tidemill ${tools}/${tool}.sh SYMBOLIC)
  endif()
endforeach()
