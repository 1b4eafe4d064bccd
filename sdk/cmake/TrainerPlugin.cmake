# trainer_add_plugin(<name> SOURCES <file>... [LINK <library>...] [TARGET <target>])
#
# Builds the plugin <name> as a shared library that exports trainer_plugin_entry and nothing else. Its
# target is <name>, or <target> where that name is for others to take.
# It is written to TRAINER_PLUGIN_OUTPUT_DIRECTORY when that is set, else to the current binary
# directory. A project in C only may use it too; it then sees the C header and not the C++ wrapper.
#
# trainer_link_plugin(<target> <name> SOURCES <file>...)
#
# Compiles the same sources into a program or library. Its table is the function <name>_plugin, in which what no C name
# may have is a '_':
#   extern "C" const trainer_plugin* hello_plugin(void);
#   trainer.add_callback(CallbackSpec::plugin(*hello_plugin()));
include_guard(GLOBAL)

function(trainer_add_plugin name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "TARGET" "SOURCES;LINK")
  if(arg_UNPARSED_ARGUMENTS OR NOT arg_SOURCES)
    message(FATAL_ERROR "trainer_add_plugin(${name}): expected SOURCES <file>... [LINK <library>...] [TARGET <target>]"
      ", found '${ARGN}'")
  endif()
  set(target "${name}")
  if(arg_TARGET)
    set(target "${arg_TARGET}")
  endif()
  set(directory "${TRAINER_PLUGIN_OUTPUT_DIRECTORY}")
  if(NOT directory)
    set(directory "${CMAKE_CURRENT_BINARY_DIR}")
  endif()

  add_library(${target} MODULE ${arg_SOURCES})
  set_target_properties(${target} PROPERTIES
    PREFIX ""
    OUTPUT_NAME "${name}"
    LIBRARY_OUTPUT_DIRECTORY "${directory}"
    POSITION_INDEPENDENT_CODE ON
    C_VISIBILITY_PRESET hidden
    CXX_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON)
  trainer_plugin_headers(headers)
  target_link_libraries(${target} PRIVATE ${headers} ${arg_LINK})

  if(APPLE)
    target_link_options(${target} PRIVATE "LINKER:-exported_symbol,_trainer_plugin_entry")
  elseif(MINGW)
    # One file that runs anywhere, with the compiler's own libraries in it; of its names only the entry, which is declared
    # so, is seen from outside.
    target_link_options(${target} PRIVATE -static "LINKER:--exclude-all-symbols")
  elseif(MSVC)
    # The note is the text of a macro's arguments, and UTF-8. With its own C library, a plugin needs no other's to be there.
    target_compile_options(${target} PRIVATE /utf-8 /Zc:preprocessor "$<$<COMPILE_LANGUAGE:CXX>:/Zc:__cplusplus;/permissive-;/EHsc>")
    target_link_options(${target} PRIVATE "LINKER:/guard:cf")
    set_property(TARGET ${target} PROPERTY MSVC_RUNTIME_LIBRARY "MultiThreaded$<$<CONFIG:Debug>:Debug>")
  elseif(UNIX)
    set(exports "${CMAKE_CURRENT_FUNCTION_LIST_DIR}/plugin.exports")
    set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS "${exports}")
    target_link_options(${target} PRIVATE
      "LINKER:--version-script=${exports}" "LINKER:--exclude-libs,ALL")
    # A sanitizer's functions are in the program that loads the plugin.
    if(NOT LIBTRAINER_SANITIZE AND NOT "${CMAKE_C_FLAGS} ${CMAKE_CXX_FLAGS}" MATCHES "-fsanitize=")
      target_link_options(${target} PRIVATE "LINKER:-z,defs")
    endif()
  endif()
endfunction()

# A project in C alone gets the C header.
function(trainer_plugin_headers out)
  get_property(languages GLOBAL PROPERTY ENABLED_LANGUAGES)
  if(CXX IN_LIST languages)
    set(${out} LibTrainer::sdk PARENT_SCOPE)
  else()
    set(${out} LibTrainer::plugin_api PARENT_SCOPE)
  endif()
endfunction()

function(trainer_link_plugin target name)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "" "SOURCES")
  if(arg_UNPARSED_ARGUMENTS OR NOT arg_SOURCES)
    message(FATAL_ERROR "trainer_link_plugin(${target} ${name}): expected SOURCES <file>..., found '${ARGN}'")
  endif()
  string(MAKE_C_IDENTIFIER "${name}_plugin" entry)
  set(objects "${target}_${entry}")
  add_library(${objects} OBJECT ${arg_SOURCES})
  set_target_properties(${objects} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_compile_definitions(${objects} PRIVATE TRAINER_PLUGIN_ENTRY=${entry})
  trainer_plugin_headers(headers)
  target_link_libraries(${objects} PRIVATE ${headers})
  target_sources(${target} PRIVATE $<TARGET_OBJECTS:${objects}>)
endfunction()
