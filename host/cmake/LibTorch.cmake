# Finds LibTorch and gives the imported target LibTrainer::LibTorch.
#
# First of: Torch_DIR, CMAKE_PREFIX_PATH (variable or environment), the torch package of the active
# python3, that of the virtual environment LIBTRAINER_TORCH_VENV. What is named and does not fit is an
# error; a python's torch that does not fit is passed over.
#
# LibTorch's own CMake files are not used: those of a CUDA build stop on a machine without the CUDA
# toolkit, which neither compiling against such a build nor linking it needs.
#
#   cmake -DLIBTRAINER_TORCH_VENV=build/venv -P LibTorch.cmake     prints the folder, or fails
cmake_minimum_required(VERSION 3.22)

set(LIBTRAINER_LIBTORCH_FLOOR 2.6)

function(libtrainer_libtorch_version root out)
  set(${out} "" PARENT_SCOPE)
  foreach(header IN ITEMS torch/headeronly/version.h torch/csrc/api/include/torch/version.h)
    if(EXISTS "${root}/include/${header}")
      file(READ "${root}/include/${header}" text)
      if(text MATCHES "define TORCH_VERSION_MAJOR ([0-9]+).*define TORCH_VERSION_MINOR ([0-9]+).*define TORCH_VERSION_PATCH ([0-9]+)")
        set(${out} "${CMAKE_MATCH_1}.${CMAKE_MATCH_2}.${CMAKE_MATCH_3}" PARENT_SCOPE)
        return()
      endif()
    endif()
  endforeach()
endfunction()

# The full path of a library of LibTorch, or nothing.
function(libtrainer_libtorch_library root name out)
  set(${out} "" PARENT_SCOPE)
  foreach(folder IN ITEMS lib lib64 lib/${CMAKE_LIBRARY_ARCHITECTURE})
    foreach(file IN ITEMS lib${name}.so lib${name}.dylib ${name}.lib)
      if(EXISTS "${root}/${folder}/${file}")
        set(${out} "${root}/${folder}/${file}" PARENT_SCOPE)
        return()
      endif()
    endforeach()
  endforeach()
endfunction()

# Sets `reason` to what is wrong with the LibTorch in `root`, or to nothing.
function(libtrainer_check_libtorch root reason)
  set(${reason} "" PARENT_SCOPE)
  libtrainer_libtorch_version("${root}" version)
  libtrainer_libtorch_library("${root}" c10 c10)
  libtrainer_libtorch_library("${root}" torch_cpu torch_cpu)
  if(NOT version OR NOT c10 OR NOT torch_cpu)
    set(${reason} "${root}: found no LibTorch there" PARENT_SCOPE)
  elseif(version VERSION_LESS LIBTRAINER_LIBTORCH_FLOOR)
    set(${reason} "${root}: found LibTorch ${version}, need ${LIBTRAINER_LIBTORCH_FLOOR} or later"
      PARENT_SCOPE)
  elseif(UNIX AND NOT APPLE)
    file(STRINGS "${c10}" names REGEX "__cxx11" LIMIT_COUNT 1)
    if(NOT names)
      set(${reason} "${root}: found a LibTorch ${version} built with C++'s old ABI, need one with the new (cxx11) ABI"
        PARENT_SCOPE)
    endif()
  endif()
endfunction()

# The folder of the torch package that a python would import, without importing it.
function(libtrainer_python_torch python out)
  execute_process(
    COMMAND "${python}" -c
      "import importlib.util as u; s = u.find_spec('torch'); print(s.submodule_search_locations[0] if s else '')"
    OUTPUT_VARIABLE folder OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE status)
  if(NOT status EQUAL 0)
    set(folder "")
  endif()
  set(${out} "${folder}" PARENT_SCOPE)
endfunction()

# Sets `out` to the folder with LibTorch's include and lib; or to nothing, and `message` to why.
function(libtrainer_find_libtorch out message)
  set(${out} "" PARENT_SCOPE)
  set(${message} "" PARENT_SCOPE)

  # What the user names: <root>/share/cmake/Torch, <root>/share/cmake or <root>.
  set(named "${Torch_DIR}")
  if(NOT named)
    set(named "$ENV{Torch_DIR}")
  endif()
  set(prefixes "$ENV{CMAKE_PREFIX_PATH}")
  if(NOT WIN32)
    string(REPLACE ":" ";" prefixes "${prefixes}")
  endif()
  foreach(folder IN LISTS named CMAKE_PREFIX_PATH prefixes)
    string(REGEX REPLACE "/(share|lib|lib64)(/[^/]+)?/cmake(/Torch)?/*$" "" root "${folder}")
    libtrainer_libtorch_version("${root}" version)
    if(version OR folder STREQUAL named)
      libtrainer_check_libtorch("${root}" reason)
      if(reason)
        set(${message} "${reason}." PARENT_SCOPE)
      else()
        set(${out} "${root}" PARENT_SCOPE)
      endif()
      return()
    endif()
  endforeach()

  set(reasons "")
  # The environment's name before python3: what starts cmake (pyenv's shim, say) may change PATH.
  foreach(python IN ITEMS
      "$ENV{VIRTUAL_ENV}/bin/python" "$ENV{CONDA_PREFIX}/bin/python" python3
      "${LIBTRAINER_TORCH_VENV}/bin/python")
    if(NOT python STREQUAL "/bin/python")
      libtrainer_python_torch("${python}" root)
      if(root)
        libtrainer_check_libtorch("${root}" reason)
        if(NOT reason)
          set(${out} "${root}" PARENT_SCOPE)
          return()
        endif()
        string(APPEND reasons "${reason}. ")
      endif()
    endif()
  endforeach()
  set(${message}
    "${reasons}No LibTorch ${LIBTRAINER_LIBTORCH_FLOOR} or later was found: give -DTorch_DIR=<LibTorch>/share/cmake/Torch, or activate a python that has torch, or run scripts/setup.sh."
    PARENT_SCOPE)
endfunction()

function(libtrainer_import_libtorch root)
  add_library(LibTrainer::LibTorch INTERFACE IMPORTED GLOBAL)
  set(includes "${root}/include")
  if(EXISTS "${root}/include/torch/csrc/api/include")
    list(APPEND includes "${root}/include/torch/csrc/api/include")
  endif()
  set_target_properties(LibTrainer::LibTorch PROPERTIES
    INTERFACE_COMPILE_FEATURES cxx_std_20
    INTERFACE_INCLUDE_DIRECTORIES "${includes}"
    INTERFACE_SYSTEM_INCLUDE_DIRECTORIES "${includes}")

  # libtorch.so of a CUDA build exports a part of the C++ library, std::filesystem::remove_all() among it, which does not
  # work by itself: the system's has to be found first.
  if(UNIX AND NOT APPLE)
    target_link_libraries(LibTrainer::LibTorch INTERFACE
      "-Wl,--push-state,--no-as-needed,-lstdc++,--pop-state")
  endif()
  foreach(name IN ITEMS torch torch_cpu c10)
    libtrainer_libtorch_library("${root}" ${name} library)
    if(library)
      target_link_libraries(LibTrainer::LibTorch INTERFACE "${library}")
    endif()
  endforeach()
  # A device's library registers its kernels when it is loaded; no symbol of it is used by name.
  foreach(device IN ITEMS cuda hip xpu)
    libtrainer_libtorch_library("${root}" torch_${device} library)
    if(library)
      libtrainer_libtorch_library("${root}" c10_${device} c10_library)
      if(UNIX AND NOT APPLE)
        target_link_libraries(LibTrainer::LibTorch INTERFACE "${c10_library}"
          "-Wl,--push-state,--no-as-needed" "${library}" "-Wl,--pop-state")
        target_link_options(LibTrainer::LibTorch INTERFACE "LINKER:--allow-shlib-undefined")
      else()
        target_link_libraries(LibTrainer::LibTorch INTERFACE "${c10_library}" "${library}")
      endif()
    endif()
  endforeach()

  # What LibTorch was built with, which its headers ask about (USE_DISTRIBUTED, USE_C10D_GLOO ...).
  set(targets "${root}/share/cmake/Caffe2/Caffe2Targets.cmake")
  if(EXISTS "${targets}")
    file(STRINGS "${targets}" lines REGEX "INTERFACE_COMPILE_DEFINITIONS \"[A-Z0-9_;]+\"")
    foreach(line IN LISTS lines)
      string(REGEX MATCH "\"[^\"]+\"" definitions "${line}")
      string(REPLACE "\"" "" definitions "${definitions}")
      target_compile_definitions(LibTrainer::LibTorch INTERFACE ${definitions})
    endforeach()
  endif()
endfunction()

if(CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
  libtrainer_find_libtorch(root reason)
  if(NOT root)
    message(FATAL_ERROR "${reason}")
  endif()
  message(STATUS "${root}")
endif()
