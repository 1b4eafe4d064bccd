# What the project finds as packages, for the preset `windows`: made of the headers and sources that scripts/setup.sh
# installs for the Linux build. On a real Windows vcpkg has them.
find_package(Threads REQUIRED) # here, so that every folder has it

set(packages ${CMAKE_BINARY_DIR}/packages)
set(package_headers ${packages}/include)
file(MAKE_DIRECTORY ${package_headers})
foreach(library IN ITEMS boost spdlog fmt CLI) # each alone: beside them in /usr/include lie the headers of glibc
  if(NOT EXISTS /usr/include/${library})
    message(FATAL_ERROR "no /usr/include/${library}; scripts/setup.sh installs it")
  endif()
  file(CREATE_LINK /usr/include/${library} ${package_headers}/${library} SYMBOLIC)
endforeach()

function(package_target name) # [define...]
  string(REPLACE "::" "_" target package_${name})
  add_library(${target} INTERFACE)
  target_include_directories(${target} SYSTEM INTERFACE ${package_headers})
  target_compile_definitions(${target} INTERFACE ${ARGN})
  add_library(${name} ALIAS ${target})
endfunction()
package_target(Boost::headers)
package_target(CLI11::CLI11)
package_target(spdlog::spdlog SPDLOG_FMT_EXTERNAL FMT_HEADER_ONLY)

function(package_library name file) # [library...]: a target of one file
  string(REPLACE "::" "_" target package_${name})
  add_library(${target} STATIC EXCLUDE_FROM_ALL ${file})
  set_target_properties(${target} PROPERTIES CXX_STANDARD 20 CXX_VISIBILITY_PRESET hidden)
  target_link_libraries(${target} PUBLIC ${ARGN})
  add_library(${name} ALIAS ${target})
endfunction()
file(CONFIGURE OUTPUT ${packages}/json.cpp CONTENT "#include <boost/json/src.hpp>\n")
package_library(Boost::json ${packages}/json.cpp Boost::headers)
set(googletest /usr/src/googletest)
package_library(GTest::gtest ${googletest}/googletest/src/gtest-all.cc Threads::Threads)
package_library(GTest::gtest_main ${googletest}/googletest/src/gtest_main.cc GTest::gtest)
package_library(GTest::gmock ${googletest}/googlemock/src/gmock-all.cc GTest::gtest)
foreach(part IN ITEMS gtest gmock)
  string(REGEX REPLACE "^g(test|mock)$" "${googletest}/google\\1" folder ${part})
  target_include_directories(package_GTest_${part} SYSTEM PUBLIC
    ${folder}/include ${folder})
endforeach()

# The targets are there: the packages need only be found.
include(CMakePackageConfigHelpers)
foreach(package IN ITEMS Boost=1.81 CLI11=2.3 GTest=1.12 spdlog=1.10)
  string(REPLACE "=" ";" package ${package})
  list(GET package 0 name)
  list(GET package 1 version)
  file(CONFIGURE OUTPUT ${packages}/${name}/${name}Config.cmake CONTENT "")
  write_basic_package_version_file(${packages}/${name}/${name}ConfigVersion.cmake
    VERSION ${version} COMPATIBILITY AnyNewerVersion)
  set(${name}_DIR ${packages}/${name})
endforeach()
