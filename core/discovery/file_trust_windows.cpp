// SPDX-License-Identifier: Apache-2.0
#include "base/windows.hpp"

#include <aclapi.h>
#include <sddl.h>

#include <memory>
#include <vector>

#include "discovery/file_trust.hpp"

namespace trainer {
namespace {

std::wstring text_of(PSID sid) {
  wchar_t* given = nullptr;
  if (!::ConvertSidToStringSidW(sid, &given)) return L"somebody";
  std::wstring out = given;
  ::LocalFree(given);
  return out;
}

std::string name_of(PSID sid) {
  wchar_t name[256], domain[256];
  DWORD name_size = 256, domain_size = 256;
  SID_NAME_USE use;
  if (!::LookupAccountSidW(nullptr, sid, name, &name_size, domain, &domain_size, &use))
    return windows::narrow(text_of(sid));
  return windows::narrow(*domain ? std::wstring(domain) + L"\\" + name : name);
}

// Whoever may change what this user runs already: the user, the system, its administrators, its installer.
class Trusted {
 public:
  Trusted() {
    DWORD size = sizeof system_;
    ::CreateWellKnownSid(WinLocalSystemSid, nullptr, system_, &size);
    size = sizeof administrators_;
    ::CreateWellKnownSid(WinBuiltinAdministratorsSid, nullptr, administrators_, &size);
    HANDLE token = nullptr;
    if (!::OpenProcessToken(::GetCurrentProcess(), TOKEN_QUERY, &token)) return;
    const windows::Handle closes(token);
    ::GetTokenInformation(token, TokenUser, nullptr, 0, &size);
    user_.resize(size);
    if (!::GetTokenInformation(token, TokenUser, user_.data(), size, &size)) user_.clear();
  }
  bool has(PSID sid) const {
    constexpr const wchar_t* installer =  // NT SERVICE\TrustedInstaller
        L"S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464";
    const bool is_user = !user_.empty() && ::EqualSid(sid, reinterpret_cast<const TOKEN_USER*>(user_.data())->User.Sid);
    return is_user || ::EqualSid(sid, const_cast<char*>(system_)) ||
           ::EqualSid(sid, const_cast<char*>(administrators_)) || text_of(sid) == installer;
  }

 private:
  std::vector<char> user_;
  alignas(8) char system_[SECURITY_MAX_SID_SIZE];
  alignas(8) char administrators_[SECURITY_MAX_SID_SIZE];
};

// The one of an entry that lets somebody in, here and now; null of others.
PSID allowed_to(void* entry, DWORD rights) {
  const auto& head = *static_cast<ACE_HEADER*>(entry);
  if (head.AceType != ACCESS_ALLOWED_ACE_TYPE || (head.AceFlags & INHERIT_ONLY_ACE)) return nullptr;
  auto& allowed = *static_cast<ACCESS_ALLOWED_ACE*>(entry);
  return (allowed.Mask & rights) ? &allowed.SidStart : nullptr;
}

}  // namespace

std::string others_may_write(std::intptr_t descriptor, Opened kind, const std::string& name) {
  static const Trusted& trusted = *new Trusted;
  PSID owner = nullptr;
  PACL list = nullptr;
  PSECURITY_DESCRIPTOR found = nullptr;
  if (::GetSecurityInfo(reinterpret_cast<HANDLE>(descriptor), SE_FILE_OBJECT,
                        OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION, &owner, nullptr, &list, nullptr,
                        &found) != ERROR_SUCCESS)
    return name + " could not be asked for its owner";
  const std::unique_ptr<void, decltype(&::LocalFree)> freed(found, &::LocalFree);
  const std::string remedy = "copy it to a directory of your own";
  if (owner && !trusted.has(owner))
    return name + " belongs to " + name_of(owner) +
           ", expected this user, the system or its administrators; take it over in its properties, or " + remedy;
  if (kind == Opened::link) return {};
  if (!list)
    return name + " can be written by everybody (it has no access list), expected only by its owner; " + remedy;
  // Of a directory: to put files there may be everybody's, to replace another's is not.
  const DWORD writing = kind == Opened::directory ? FILE_DELETE_CHILD | DELETE | WRITE_DAC | WRITE_OWNER | GENERIC_ALL
                                                  : FILE_WRITE_DATA | FILE_APPEND_DATA | DELETE | WRITE_DAC |
                                                        WRITE_OWNER | GENERIC_WRITE | GENERIC_ALL;
  for (DWORD i = 0; i < list->AceCount; ++i) {
    void* entry = nullptr;
    if (!::GetAce(list, i, &entry)) continue;
    const PSID who = allowed_to(entry, writing);
    if (who && !trusted.has(who))
      return name + " can be written by " + name_of(who) +
             ", expected only by its owner; take that right away with icacls, or " + remedy;
  }
  return {};
}

}  // namespace trainer
