// HttpResponseReader: one response of HTTP/1.1 after the other, RFC 9112, by llhttp.
#pragma once

#include <llhttp.h>

#include <cstddef>
#include <cstdint>

#include "response_reader.h"

namespace pollout {

class HttpResponseReader final : public ResponseReader {
 public:
  // `head`: to requests of the method HEAD, whose responses have no body.
  HttpResponseReader(bool head, std::uint64_t most) noexcept;

  Progress Read(const std::uint8_t* data, std::size_t size) noexcept override;
  bool ReadEnd() noexcept override;
  int code() const noexcept override { return code_; }
  bool goes_on() const noexcept override { return goes_on_; }

  // Called by llhttp; what they answer is for it.
  int HeadersComplete() const noexcept;
  int MessageComplete() noexcept;

 private:
  llhttp_t parser_{};
  const std::uint64_t most_;
  std::uint64_t length_ = 0;
  const bool head_;
  bool whole_ = false;
  bool goes_on_ = true;
  int code_ = 0;
};

}  // namespace pollout
