# A program, and where it takes LibTrainer from.
cmake_minimum_required(VERSION 3.22)
project(train LANGUAGES CXX)
# BLOCK
add_executable(train train.cpp)
target_link_libraries(train PRIVATE LibTrainer::trainer)
