// A socket address as the object that JavaScript gets.
#include "address_objects.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/un.h>
// After sys/socket.h, which it needs.
#include <linux/vm_sockets.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <string>

namespace pollout {

namespace {

template <typename Concrete>
const Concrete& As(const SocketAddress& address) noexcept {
  return *reinterpret_cast<const Concrete*>(address.get());
}

Napi::Object NewInet(Napi::Env env, const char* family, const char* text, in_port_t port) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("family", family);
  object.Set("address", text);
  object.Set("port", Napi::Number::New(env, ntohs(port)));
  return object;
}

Napi::Value InetObject(Napi::Env env, const sockaddr_in& inet) {
  if (inet.sin_port == 0) return env.Undefined();
  std::array<char, INET_ADDRSTRLEN> text{};
  ::inet_ntop(AF_INET, &inet.sin_addr, text.data(), text.size());
  return NewInet(env, "inet", text.data(), inet.sin_port);
}

Napi::Value Inet6Object(Napi::Env env, const sockaddr_in6& inet6) {
  if (inet6.sin6_port == 0) return env.Undefined();
  std::array<char, INET6_ADDRSTRLEN> digits{};
  ::inet_ntop(AF_INET6, &inet6.sin6_addr, digits.data(), digits.size());
  std::string text(digits.data());
  if (inet6.sin6_scope_id != 0) {
    std::array<char, IF_NAMESIZE> zone{};
    const bool named = ::if_indextoname(inet6.sin6_scope_id, zone.data()) != nullptr;
    text += '%';
    text += named ? std::string(zone.data()) : std::to_string(inet6.sin6_scope_id);
  }
  return NewInet(env, "inet6", text.c_str(), inet6.sin6_port);
}

Napi::Value UnixObject(Napi::Env env, const sockaddr_un& local, socklen_t size) {
  std::size_t length = size - offsetof(sockaddr_un, sun_path);
  // For a path the size covers the terminator too; in an abstract name a NUL is a name's byte.
  if (length > 0 && local.sun_path[0] != '\0') length = ::strnlen(local.sun_path, length);
  Napi::Object object = Napi::Object::New(env);
  object.Set("family", "unix");
  // A character for each byte: whether they are UTF-8 is seen to above.
  napi_value path = nullptr;
  napi_create_string_latin1(env, local.sun_path, length, &path);
  object.Set("path", path);
  return object;
}

Napi::Value VsockObject(Napi::Env env, const sockaddr_vm& vsock) {
  if (vsock.svm_port == VMADDR_PORT_ANY) return env.Undefined();
  Napi::Object object = Napi::Object::New(env);
  object.Set("family", "vsock");
  object.Set("cid", Napi::Number::New(env, vsock.svm_cid));
  object.Set("port", Napi::Number::New(env, vsock.svm_port));
  return object;
}

}  // namespace

Napi::Value AddressObject(Napi::Env env, const SocketAddress& address) {
  switch (address.get()->sa_family) {
    case AF_INET:
      return InetObject(env, As<sockaddr_in>(address));
    case AF_INET6:
      return Inet6Object(env, As<sockaddr_in6>(address));
    case AF_UNIX:
      return UnixObject(env, As<sockaddr_un>(address), address.size());
    case AF_VSOCK:
      return VsockObject(env, As<sockaddr_vm>(address));
    default:
      return env.Undefined();
  }
}

}  // namespace pollout
