// ResponseReader: where the responses of one connection end. One for each framing that
// packages/core/src/backend/exchange.ts has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "byte_matcher.h"

namespace pollout {

struct ResponseFraming {
  enum class Kind : std::uint8_t { kFixed, kDelimited, kLength, kResp, kHttp1 };

  Kind kind = Kind::kFixed;
  // Of kFixed.
  std::uint64_t bytes = 0;
  // Of kDelimited.
  ByteMatcher delimiter{{}};
  // Of kLength.
  std::uint32_t at = 0;
  std::uint32_t size = 0;
  bool little_endian = false;
  std::int64_t adjust = 0;
  // Of kHttp1: to a request of the method HEAD.
  bool head = false;
};

class ResponseReader {
 public:
  enum class Said : std::uint8_t {
    // It goes on.
    kMore,
    // Its last byte was among them.
    kWhole,
    kMalformed,
    // Longer than it may be.
    kTooLarge,
  };
  struct Progress {
    Said said;
    // Bytes that belong to the response.
    std::size_t used;
  };

  // `framing` has to outlive it. `most`: bytes of a response.
  static std::unique_ptr<ResponseReader> Of(const ResponseFraming& framing, std::uint64_t most);

  ResponseReader() noexcept = default;
  ResponseReader(const ResponseReader&) = delete;
  ResponseReader& operator=(const ResponseReader&) = delete;
  virtual ~ResponseReader() = default;

  // At least one byte. After kWhole the next response begins; after kMalformed and kTooLarge it is
  // not to be used any more.
  virtual Progress Read(const std::uint8_t* data, std::size_t size) noexcept = 0;
  // The stream has ended. Whether that was the end of a response.
  virtual bool ReadEnd() noexcept { return false; }
  // Of the response that is whole: HTTP's status, 1 for an error of RESP, else 0.
  virtual int code() const noexcept { return 0; }
  // Whether another may follow it.
  virtual bool goes_on() const noexcept { return true; }
};

}  // namespace pollout
