// CallArguments: the backend and the arguments of one call from JavaScript, checked.
//
// A connect passes here five times, so it is the plain C interface of N-API: no allocation, no
// property access, no unwrapping of `this`. The backend comes with the function, as its data.
#pragma once

#include <node_api.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace pollout {

class Backend;

// The largest number that is tried as that of an address family.
constexpr std::uint32_t kMaxFamily = 255;

// Each answers false with a TypeError (wrong type) or a RangeError (no such value) pending.
bool ReadNumber(napi_env env, napi_value value, const char* name, double* out) noexcept;
bool ReadBoolean(napi_env env, napi_value value, const char* name, bool* out) noexcept;
bool ReadInteger(napi_env env, napi_value value, const char* name, std::uint32_t low,
                 std::uint32_t high, std::uint32_t* out) noexcept;
// At most `capacity - 1` bytes and a NUL; what is longer is cut.
bool ReadText(napi_env env, napi_value value, const char* name, char* buffer, std::size_t capacity,
              std::size_t* length) noexcept;
// As that, of a text that has a character from U+0000 to U+00FF for each byte.
bool ReadByteText(napi_env env, napi_value value, const char* name, char* buffer,
                  std::size_t capacity, std::size_t* length) noexcept;
bool ReadBytes(napi_env env, napi_value value, const char* name, std::uint8_t** data,
               std::size_t* length) noexcept;

bool ReadDoubles(napi_env env, napi_value value, const char* name, double** data,
                 std::size_t* length) noexcept;
// Null where it was not given.
bool ReadOptionalDoubles(napi_env env, napi_value value, const char* name, std::size_t count,
                         double** data) noexcept;

// A system call's answer: >= 0, or a negated errno.
napi_value Result(napi_env env, std::int64_t result) noexcept;

void ThrowType(napi_env env, const char* name, const char* expected) noexcept;
void ThrowRange(napi_env env, const char* name, const char* expected) noexcept;

template <std::size_t Count>
class CallArguments {
 public:
  CallArguments(napi_env env, napi_callback_info info) noexcept {
    std::size_t count = Count;
    void* data = nullptr;
    napi_get_cb_info(env, info, &count, values_.data(), nullptr, &data);
    backend_ = static_cast<Backend*>(data);
  }

  Backend& backend() const noexcept { return *backend_; }
  // `undefined` for one that was not given.
  napi_value operator[](std::size_t index) const noexcept { return values_[index]; }

 private:
  std::array<napi_value, Count> values_;
  Backend* backend_;
};

template <>
class CallArguments<0> {
 public:
  CallArguments(napi_env env, napi_callback_info info) noexcept {
    void* data = nullptr;
    napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &data);
    backend_ = static_cast<Backend*>(data);
  }

  Backend& backend() const noexcept { return *backend_; }

 private:
  Backend* backend_;
};

}  // namespace pollout
