// Reading and checking of arguments; errors in the form that Node's own functions throw.
#include "call_arguments.h"

#include <cstdio>

namespace pollout {

namespace {

using Message = std::array<char, 128>;

Message MessageFor(const char* name, const char* expected) noexcept {
  Message message{};
  std::snprintf(message.data(), message.size(), "The \"%s\" argument must be %s", name, expected);
  return message;
}

// napi_get_typedarray_info() gives a detached array's length as 0: only then is there doubt.
bool IsDetached(napi_env env, napi_value array) noexcept {
  napi_value buffer = nullptr;
  bool detached = false;
  if (napi_get_typedarray_info(env, array, nullptr, nullptr, nullptr, &buffer, nullptr) !=
          napi_ok ||
      napi_is_detached_arraybuffer(env, buffer, &detached) != napi_ok) {
    return true;
  }
  return detached;
}

}  // namespace

void ThrowType(napi_env env, const char* name, const char* expected) noexcept {
  napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", MessageFor(name, expected).data());
}

void ThrowRange(napi_env env, const char* name, const char* expected) noexcept {
  napi_throw_range_error(env, "ERR_OUT_OF_RANGE", MessageFor(name, expected).data());
}

bool ReadNumber(napi_env env, napi_value value, const char* name, double* out) noexcept {
  if (napi_get_value_double(env, value, out) == napi_ok) return true;
  ThrowType(env, name, "a number");
  return false;
}

bool ReadBoolean(napi_env env, napi_value value, const char* name, bool* out) noexcept {
  if (napi_get_value_bool(env, value, out) == napi_ok) return true;
  ThrowType(env, name, "a boolean");
  return false;
}

bool ReadInteger(napi_env env, napi_value value, const char* name, std::uint32_t low,
                 std::uint32_t high, std::uint32_t* out) noexcept {
  double number = 0;
  if (!ReadNumber(env, value, name, &number)) return false;
  // Written so that NaN fails too.
  if (!(number >= low && number <= high) ||
      static_cast<double>(static_cast<std::uint32_t>(number)) != number) {
    std::array<char, 64> expected{};
    std::snprintf(expected.data(), expected.size(), "an integer from %u to %u", low, high);
    ThrowRange(env, name, expected.data());
    return false;
  }
  *out = static_cast<std::uint32_t>(number);
  return true;
}

bool ReadText(napi_env env, napi_value value, const char* name, char* buffer, std::size_t capacity,
              std::size_t* length) noexcept {
  if (napi_get_value_string_utf8(env, value, buffer, capacity, length) == napi_ok) return true;
  ThrowType(env, name, "a string");
  return false;
}

bool ReadByteText(napi_env env, napi_value value, const char* name, char* buffer,
                  std::size_t capacity, std::size_t* length) noexcept {
  if (napi_get_value_string_latin1(env, value, buffer, capacity, length) == napi_ok) return true;
  ThrowType(env, name, "a string");
  return false;
}

bool ReadBytes(napi_env env, napi_value value, const char* name, std::uint8_t** data,
               std::size_t* length) noexcept {
  napi_typedarray_type type{};
  void* start = nullptr;
  if (napi_get_typedarray_info(env, value, &type, length, &start, nullptr, nullptr) != napi_ok ||
      type != napi_uint8_array) {
    ThrowType(env, name, "a Uint8Array");
    return false;
  }
  if (*length == 0 && IsDetached(env, value)) {
    ThrowType(env, name, "a Uint8Array that is not detached");
    return false;
  }
  *data = static_cast<std::uint8_t*>(start);
  return true;
}

bool ReadDoubles(napi_env env, napi_value value, const char* name, double** data,
                 std::size_t* length) noexcept {
  napi_typedarray_type type{};
  void* start = nullptr;
  if (napi_get_typedarray_info(env, value, &type, length, &start, nullptr, nullptr) != napi_ok ||
      type != napi_float64_array || (*length == 0 && IsDetached(env, value))) {
    ThrowType(env, name, "a Float64Array that is not detached");
    return false;
  }
  *data = static_cast<double*>(start);
  return true;
}

bool ReadOptionalDoubles(napi_env env, napi_value value, const char* name, std::size_t count,
                         double** data) noexcept {
  napi_typedarray_type type{};
  std::size_t length = 0;
  void* start = nullptr;
  if (napi_get_typedarray_info(env, value, &type, &length, &start, nullptr, nullptr) == napi_ok &&
      type == napi_float64_array && length >= count) {
    *data = static_cast<double*>(start);
    return true;
  }
  napi_valuetype given{};
  if (napi_typeof(env, value, &given) == napi_ok && given == napi_undefined) {
    *data = nullptr;
    return true;
  }
  ThrowType(env, name, "a Float64Array with room for all, not detached");
  return false;
}

napi_value Result(napi_env env, std::int64_t result) noexcept {
  napi_value value = nullptr;
  napi_create_int64(env, result, &value);
  return value;
}

}  // namespace pollout
