// SPDX-License-Identifier: Apache-2.0
#include "discovery/file_trust.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <vector>
#if defined(__linux__)
#include <sys/xattr.h>
#endif

namespace trainer {
namespace {

// The group's bits of a file with an ACL are the mask of the entries below.
struct AclEntry {
  std::uint16_t tag, permissions;
  std::uint32_t id;
};
constexpr std::uint16_t acl_user = 2, acl_own_group = 4, acl_group = 8, acl_write = 2;

// linux/posix_acl_xattr.h: a version of four bytes, then the entries. None where the file system has no ACLs.
std::vector<AclEntry> acl_of(int descriptor) {
  std::vector<AclEntry> entries;
#if defined(__linux__)
  constexpr const char* name = "system.posix_acl_access";
  constexpr std::size_t head = 4;
  std::vector<char> bytes(1 << 16);
  // By its path in /proc, because a descriptor that was opened for its path alone has no attributes.
  const auto path = "/proc/self/fd/" + std::to_string(descriptor);
  ssize_t size = ::getxattr(path.c_str(), name, bytes.data(), bytes.size());
  if (size < 0) size = ::fgetxattr(descriptor, name, bytes.data(), bytes.size());
  if (size <= static_cast<ssize_t>(head)) return entries;
  entries.resize((static_cast<std::size_t>(size) - head) / sizeof(AclEntry));
  std::memcpy(entries.data(), bytes.data() + head, entries.size() * sizeof(AclEntry));
#else
  (void)descriptor;
#endif
  return entries;
}

// Who else may write: "everybody", "group 7", "user 7 (by its ACL)"; or empty.
std::string writer(int descriptor, const struct stat& info) {
  if (info.st_mode & S_IWOTH) return "everybody";
  if (!(info.st_mode & S_IWGRP)) return {};
  const auto other_group = [&](std::uint32_t id) { return id != 0 && id != info.st_uid; };
  const auto acl = acl_of(descriptor);
  bool own_group = acl.empty();
  for (const AclEntry& entry : acl) {
    if (!(entry.permissions & acl_write)) continue;
    const std::string id = std::to_string(entry.id) + " (by its ACL)";
    if (entry.tag == acl_own_group) own_group = true;
    if (entry.tag == acl_user && entry.id != 0 && entry.id != ::geteuid()) return "user " + id;
    if (entry.tag == acl_group && other_group(entry.id)) return "group " + id;
  }
  return own_group && other_group(info.st_gid) ? "group " + std::to_string(info.st_gid) : std::string();
}

}  // namespace

std::string others_may_write(std::intptr_t opened, Opened kind, const std::string& name) {
  const int descriptor = static_cast<int>(opened);
  struct stat info {};
  if (::fstat(descriptor, &info) != 0) return name + " could not be asked for its owner";
  if (info.st_uid != 0 && info.st_uid != ::geteuid())
    return name + " belongs to user " + std::to_string(info.st_uid) + ", expected root" +
           (::geteuid() == 0 ? "" : " or user " + std::to_string(::geteuid())) + ", who runs this; chown it";
  if (kind == Opened::link || (kind == Opened::directory && (info.st_mode & S_ISVTX))) return {};
  const auto who = writer(descriptor, info);
  if (who.empty()) return {};
  const bool acl = who.back() == ')';
  return name + " can be written by " + who + ", expected only by its owner; " + (acl ? "setfacl -b" : "chmod go-w") +
         " it";
}

}  // namespace trainer
