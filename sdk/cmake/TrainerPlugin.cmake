# trainer_add_plugin(<name> SOURCES <file>... [LINK <library>...])
#
# Builds the plugin <name> as a shared library that exports trainer_plugin_entry and nothing else.
# It is written to TRAINER_PLUGIN_OUTPUT_DIRECTORY when that is set, else to the current binary
# directory. A project in C only may use it too; it then sees the C header and not the C++ wrapper.
include_guard(GLOBAL)

function(trainer_add_plugin name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINK")
  if(arg_UNPARSED_ARGUMENTS OR NOT arg_SOURCES)
    message(FATAL_ERROR "trainer_add_plugin(${name}): expected SOURCES <file>... [LINK <library>...]"
      ", found '${ARGN}'")
  endif()
  get_property(languages GLOBAL PROPERTY ENABLED_LANGUAGES)
  set(directory "${TRAINER_PLUGIN_OUTPUT_DIRECTORY}")
  if(NOT directory)
    set(directory "${CMAKE_CURRENT_BINARY_DIR}")
  endif()

  add_library(${name} MODULE ${arg_SOURCES})
  set_target_properties(${name} PROPERTIES
    PREFIX ""
    LIBRARY_OUTPUT_DIRECTORY "${directory}"
    POSITION_INDEPENDENT_CODE ON
    C_VISIBILITY_PRESET hidden
    CXX_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON)
  if(CXX IN_LIST languages)
    target_link_libraries(${name} PRIVATE LibTrainer::sdk ${arg_LINK})
  else()
    target_link_libraries(${name} PRIVATE LibTrainer::plugin_api ${arg_LINK})
  endif()

  if(APPLE)
    target_link_options(${name} PRIVATE "LINKER:-exported_symbol,_trainer_plugin_entry")
  elseif(UNIX)
    set(exports "${CMAKE_CURRENT_BINARY_DIR}/${name}.exports")
    file(CONFIGURE OUTPUT "${exports}" CONTENT "{ global: trainer_plugin_entry; local: *; };\n")
    set_property(TARGET ${name} APPEND PROPERTY LINK_DEPENDS "${exports}")
    target_link_options(${name} PRIVATE
      "LINKER:--version-script=${exports}" "LINKER:--exclude-libs,ALL")
    # A sanitizer's functions are in the program that loads the plugin.
    if(NOT LIBTRAINER_SANITIZE AND NOT "${CMAKE_C_FLAGS} ${CMAKE_CXX_FLAGS}" MATCHES "-fsanitize=")
      target_link_options(${name} PRIVATE "LINKER:-z,defs")
    endif()
  endif()
endfunction()
