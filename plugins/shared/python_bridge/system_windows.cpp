// SPDX-License-Identifier: Apache-2.0
//
// Sockets of 127.0.0.1 in place of inherited descriptors: who connects shows a token of 32 digits. Children in jobs,
// and memory by its name.
#include "shared/python_bridge/system.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <system_error>

#include "shared/python_bridge/interpreter.hpp"
#include "shared/system/child_windows.hpp"
#include "shared/system/process.hpp"
#include "shared/system/random_id.hpp"

namespace trainer::plugins {
namespace {

[[noreturn]] void fail(const std::string& what, int code = ::WSAGetLastError()) {
  throw std::system_error(code, std::system_category(), what);
}

// Of a socket, as of every handle, 32 bits count.
SOCKET socket_of(int fd) { return static_cast<SOCKET>(static_cast<unsigned>(fd)); }
Descriptor descriptor_of(SOCKET socket) { return Descriptor(static_cast<int>(socket)); }
int limited(std::size_t size) { return static_cast<int>(std::min<std::size_t>(size, 1u << 30)); }

Descriptor make_socket() {
  static const int code = [] {
    WSADATA data;
    return ::WSAStartup(MAKEWORD(2, 2), &data);
  }();
  if (code != 0) fail("WinSock", code);
  const SOCKET made =
      ::WSASocketW(AF_INET, SOCK_STREAM, IPPROTO_TCP, nullptr, 0, WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
  if (made == INVALID_SOCKET) fail("socket");
  return descriptor_of(made);
}

sockaddr_in loopback(unsigned short port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = ::htons(port);
  address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
  return address;
}

Descriptor listen_on_loopback(unsigned short& port) {
  Descriptor listener = make_socket();
  sockaddr_in address = loopback(0);
  int size = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  BOOL alone = TRUE;
  ::setsockopt(socket_of(listener.get()), SOL_SOCKET, SO_EXCLUSIVEADDRUSE, reinterpret_cast<const char*>(&alone),
               sizeof alone);
  if (::bind(socket_of(listener.get()), any, size) != 0 || ::listen(socket_of(listener.get()), 4) != 0 ||
      ::getsockname(socket_of(listener.get()), any, &size) != 0)
    fail("listen");
  port = ::ntohs(address.sin_port);
  return listener;
}

Descriptor connect_to_port(unsigned short port, const std::string& token) {
  Descriptor made = make_socket();
  const sockaddr_in address = loopback(port);
  if (::connect(socket_of(made.get()), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    fail("connect");
  if (::send(socket_of(made.get()), token.data(), limited(token.size()), 0) != limited(token.size())) fail("send");
  return made;
}

void never_block(const Descriptor& socket) {
  u_long on = 1;
  ::ioctlsocket(socket_of(socket.get()), FIONBIO, &on);
  BOOL at_once = TRUE;
  ::setsockopt(socket_of(socket.get()), IPPROTO_TCP, TCP_NODELAY, reinterpret_cast<const char*>(&at_once),
               sizeof at_once);
}

/// Whether somebody can be accepted, or something be read, before then.
bool ready_until(const Descriptor& socket, std::chrono::steady_clock::time_point then) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(then - std::chrono::steady_clock::now()).count();
  WSAPOLLFD polled{socket_of(socket.get()), POLLRDNORM, 0};
  return left > 0 && ::WSAPoll(&polled, 1, static_cast<int>(std::min<long long>(left, 1'000'000))) > 0;
}

/// The next one that shows the token; anybody may connect. Nothing when nobody did before then.
Descriptor accept_known(const Descriptor& listener, const std::string& token,
                        std::chrono::steady_clock::time_point then) {
  while (ready_until(listener, then)) {
    Descriptor made = descriptor_of(::accept(socket_of(listener.get()), nullptr, nullptr));
    if (made.get() < 0) continue;
    ::SetHandleInformation(reinterpret_cast<HANDLE>(socket_of(made.get())), HANDLE_FLAG_INHERIT, 0);
    std::string shown;
    const auto patience = std::min(then, std::chrono::steady_clock::now() + std::chrono::seconds(5));
    while (shown.size() < token.size() && ready_until(made, patience)) {
      char bytes[64];
      const int n = ::recv(socket_of(made.get()), bytes, limited(token.size() - shown.size()), 0);
      if (n <= 0) break;
      shown.append(bytes, static_cast<std::size_t>(n));
    }
    if (shown == token) return made;
  }
  return {};
}

}  // namespace

void Descriptor::close() {
  if (fd_ >= 0) ::closesocket(socket_of(fd_));
  fd_ = -1;
}

Pair make_socket_pair() {
  unsigned short port = 0;
  const Descriptor listener = listen_on_loopback(port);
  const std::string token = random_hex(32);
  Descriptor theirs = connect_to_port(port, token);
  Descriptor ours = accept_known(listener, token, std::chrono::steady_clock::now() + std::chrono::seconds(10));
  if (ours.get() < 0) fail("accept", WSAETIMEDOUT);
  never_block(ours);
  return {std::move(ours), std::move(theirs)};
}

Pair make_pipe() {
  Pair pair = make_socket_pair();
  never_block(pair.theirs);
  return pair;
}

Descriptor connect_to(const std::string& where) {
  const std::size_t colon = where.find(':');
  const unsigned long port = std::strtoul(where.c_str(), nullptr, 10);
  if (colon == where.npos || port == 0 || port > 65535) fail("\"" + where + "\" is not a port with a token", WSAEINVAL);
  Descriptor socket = connect_to_port(static_cast<unsigned short>(port), where.substr(colon + 1));
  never_block(socket);
  return socket;
}

std::ptrdiff_t send_some(int fd, const char* data, std::size_t size) {
  const int n = ::send(socket_of(fd), data, limited(size), 0);
  if (n >= 0) return n;
  if (::WSAGetLastError() == WSAEWOULDBLOCK) return -1;
  fail("send");
}

std::ptrdiff_t receive_some(int fd, char* data, std::size_t size) {
  const int n = ::recv(socket_of(fd), data, limited(size), 0);
  if (n >= 0) return n;
  const int code = ::WSAGetLastError();
  if (code == WSAEWOULDBLOCK) return -1;
  if (code == WSAECONNRESET || code == WSAECONNABORTED) return 0;
  fail("recv", code);
}

Ready wait_for(int fd, bool to_write, int wake) {
  const auto wanted = static_cast<SHORT>(POLLRDNORM | (to_write ? POLLWRNORM : 0));
  WSAPOLLFD polled[2] = {{socket_of(fd), wanted, 0}, {socket_of(wake), POLLRDNORM, 0}};
  if (::WSAPoll(polled, 2, -1) < 0) fail("poll");
  return {(polled[0].revents & (POLLRDNORM | POLLHUP | POLLERR)) != 0, (polled[0].revents & POLLWRNORM) != 0,
          polled[1].revents != 0};
}

void wake(int fd) { ::send(socket_of(fd), "", 1, 0); }  // a full one wakes as well

void drain(int fd) {
  char bytes[256];
  while (::recv(socket_of(fd), bytes, sizeof bytes, 0) > 0) {
  }
}

Process::Process(const std::vector<std::string>& command, const std::map<std::string, std::string>& changed)
    : token_(random_hex(32)) {
  unsigned short port = 0;
  stream_ = listen_on_loopback(port);
  std::map<std::string, std::string> variables;
  for (const std::string& line : child_environment(changed))
    variables.emplace(line.substr(0, line.find('=')), line.substr(line.find('=') + 1));
  variables["TRAINER_BRIDGE_CHILD"] = std::to_string(port) + ":" + token_;
  windows::Child child = windows::start(program_of(command), command, variables, {});
  process_ = reinterpret_cast<std::intptr_t>(child.process.release());
  group_ = reinterpret_cast<std::intptr_t>(child.job.release());
}

Process::~Process() {
  if (!ended()) kill();
  for (const std::intptr_t handle : {process_, group_})
    if (handle > 0) ::CloseHandle(reinterpret_cast<HANDLE>(handle));
}

/// A child that has ended does not come any more.
Descriptor Process::connection(double seconds) {
  const Descriptor listener = std::move(stream_);
  const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (std::chrono::steady_clock::now() < until) {
    Descriptor made = accept_known(listener, token_, std::chrono::steady_clock::now() + std::chrono::milliseconds(200));
    if (made.get() >= 0) {
      never_block(made);
      return made;
    }
    if (const auto how = ended()) fail(how->empty() ? "it ended at once" : *how, WSAECONNREFUSED);
  }
  fail("it did not connect within " + std::to_string(static_cast<int>(seconds)) + " s", WSAETIMEDOUT);
}

std::optional<std::string> Process::ended() {
  if (ended_ || process_ <= 0) return ended_;
  const auto process = reinterpret_cast<HANDLE>(process_);
  DWORD status = 0;
  if (::WaitForSingleObject(process, 0) != WAIT_OBJECT_0 || !::GetExitCodeProcess(process, &status))
    return std::nullopt;
  ended_ = status == 0 ? "" : "exit status " + std::to_string(status);
  return ended_;
}

std::optional<std::string> Process::wait(double seconds) {
  const auto most = static_cast<DWORD>(std::clamp(seconds * 1000, 0.0, 4e9));
  if (process_ > 0) ::WaitForSingleObject(reinterpret_cast<HANDLE>(process_), most);
  // Of a program of the system below Wine there is no handle: who waits for it has seen the end of its stream.
  if (process_ == 0 && !ended_) ended_ = "";
  return ended();
}

void Process::kill() {
  if (process_ <= 0 || ended_) return;
  ::TerminateJobObject(reinterpret_cast<HANDLE>(group_), 1);
  ::TerminateProcess(reinterpret_cast<HANDLE>(process_), 1);
  wait(5);
}

SharedMemory::SharedMemory(std::size_t size) : size_(size) {
  static std::atomic<unsigned> counter{0};
  name_ = "trainer-" + std::to_string(process_id()) + "-" + std::to_string(counter++);
  const HANDLE mapping =
      ::CreateFileMappingW(INVALID_HANDLE_VALUE, nullptr, PAGE_READWRITE, static_cast<DWORD>(size >> 32),
                           static_cast<DWORD>(size), windows::wide(name_).c_str());
  void* const data = mapping != nullptr ? ::MapViewOfFile(mapping, FILE_MAP_ALL_ACCESS, 0, 0, size) : nullptr;
  if (data == nullptr) {
    const auto code = static_cast<int>(::GetLastError());
    if (mapping != nullptr) ::CloseHandle(mapping);
    fail("shared memory of " + std::to_string(size) + " bytes", code);
  }
  mapping_ = reinterpret_cast<std::intptr_t>(mapping);
  data_ = static_cast<char*>(data);
}

SharedMemory::~SharedMemory() {
  ::UnmapViewOfFile(data_);
  ::CloseHandle(reinterpret_cast<HANDLE>(mapping_));
}

}  // namespace trainer::plugins
