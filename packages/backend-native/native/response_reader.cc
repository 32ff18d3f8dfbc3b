// ResponseReader: all framings but that of HTTP, which is in http_response_reader.cc.
#include "response_reader.h"

#include <algorithm>
#include <array>

#include "http_response_reader.h"

namespace pollout {

namespace {

using Said = ResponseReader::Said;

class FixedReader final : public ResponseReader {
 public:
  explicit FixedReader(std::uint64_t bytes) noexcept : bytes_(bytes), left_(bytes) {}

  Progress Read(const std::uint8_t* /*data*/, std::size_t size) noexcept override {
    const std::size_t used = std::min<std::uint64_t>(size, left_);
    left_ -= used;
    if (left_ > 0) return {Said::kMore, used};
    left_ = bytes_;
    return {Said::kWhole, used};
  }

 private:
  const std::uint64_t bytes_;
  std::uint64_t left_;
};

class DelimitedReader final : public ResponseReader {
 public:
  DelimitedReader(const ByteMatcher& delimiter, std::uint64_t most) noexcept
      : delimiter_(delimiter), most_(most) {}

  Progress Read(const std::uint8_t* data, std::size_t size) noexcept override {
    const std::size_t used = delimiter_.Look(data, size, &state_);
    length_ += used;
    if (length_ > most_) return {Said::kTooLarge, used};
    if (!delimiter_.IsFound(state_)) return {Said::kMore, used};
    state_ = 0;
    length_ = 0;
    return {Said::kWhole, used};
  }

 private:
  const ByteMatcher& delimiter_;
  const std::uint64_t most_;
  ByteMatcher::State state_ = 0;
  std::uint64_t length_ = 0;
};

class LengthReader final : public ResponseReader {
 public:
  LengthReader(const ResponseFraming& framing, std::uint64_t most) noexcept
      : framing_(framing), most_(most) {}

  Progress Read(const std::uint8_t* data, std::size_t size) noexcept override {
    std::size_t used = 0;
    while (header_ < framing_.at + framing_.size && used < size) {
      if (header_ >= framing_.at) bytes_[header_ - framing_.at] = data[used];
      ++header_;
      ++used;
      if (header_ < framing_.at + framing_.size) continue;
      const std::int64_t rest = Length() + framing_.adjust;
      if (rest < 0) return {Said::kMalformed, used};
      left_ = static_cast<std::uint64_t>(rest);
      if (header_ + left_ > most_) return {Said::kTooLarge, used};
    }
    if (header_ < framing_.at + framing_.size) return {Said::kMore, used};
    const std::size_t more = std::min<std::uint64_t>(size - used, left_);
    left_ -= more;
    used += more;
    if (left_ > 0) return {Said::kMore, used};
    header_ = 0;
    return {Said::kWhole, used};
  }

 private:
  std::int64_t Length() const noexcept {
    std::int64_t length = 0;
    for (std::uint32_t at = 0; at < framing_.size; ++at) {
      length = (length << 8) | bytes_[framing_.little_endian ? framing_.size - 1 - at : at];
    }
    return length;
  }

  const ResponseFraming& framing_;
  const std::uint64_t most_;
  // Bytes of the header that are there, up to the end of the length.
  std::uint64_t header_ = 0;
  std::array<std::uint8_t, 4> bytes_{};
  std::uint64_t left_ = 0;
};

// RESP2 and RESP3, as https://redis.io/docs/latest/develop/reference/protocol-spec/ has them. It
// counts the values that are missing, and keeps none: depth costs nothing.
class RespReader final : public ResponseReader {
 public:
  explicit RespReader(std::uint64_t most) noexcept : most_(most) {}

  Progress Read(const std::uint8_t* data, std::size_t size) noexcept override {
    std::size_t used = 0;
    while (used < size) {
      if (skip_ > 0) {
        const std::size_t skipped = std::min<std::uint64_t>(size - used, skip_);
        skip_ -= skipped;
        used += skipped;
        length_ += skipped;
      } else {
        const Said said = ReadByte(data[used]);
        ++used;
        if (said != Said::kMore) return {said, used};
      }
      if (length_ > most_) return {Said::kTooLarge, used};
      if (skip_ > 0 || in_line_ || missing_ > 0) continue;
      Begin();
      if (std::exchange(is_push_, false)) continue;
      return {Said::kWhole, used};
    }
    return {Said::kMore, used};
  }

  int code() const noexcept override { return code_; }

 private:
  void Begin() noexcept {
    missing_ = 1;
    length_ = 0;
    is_first_ = true;
  }

  Said ReadByte(std::uint8_t byte) noexcept {
    ++length_;
    if (!in_line_) return BeginLine(byte);
    if (byte == '\n') return std::exchange(has_cr_, false) ? EndLine() : Said::kMalformed;
    if (has_cr_) return Said::kMalformed;
    if (byte == '\r') {
      has_cr_ = true;
      return Said::kMore;
    }
    return counts_ ? ReadDigit(byte) : Said::kMore;
  }

  Said BeginLine(std::uint8_t type) noexcept {
    in_line_ = true;
    type_ = type;
    number_ = 0;
    digits_ = 0;
    is_null_ = false;
    counts_ = false;
    if (std::exchange(is_first_, false)) {
      is_push_ = type == '>';
      code_ = type == '-' || type == '!' ? 1 : 0;
    }
    switch (type) {
      case '+':
      case '-':
      case ':':
      case '(':
      case ',':
      case '#':
      case '_':
        return Said::kMore;
      case '$':
      case '!':
      case '=':
      case '*':
      case '~':
      case '>':
      case '%':
      case '|':
        counts_ = true;
        return Said::kMore;
      default:
        return Said::kMalformed;
    }
  }

  // `-1` stands for null.
  Said ReadDigit(std::uint8_t byte) noexcept {
    constexpr int kMostDigits = 15;
    if (byte == '-' && digits_ == 0 && !is_null_) {
      is_null_ = true;
      return Said::kMore;
    }
    if (byte < '0' || byte > '9' || ++digits_ > kMostDigits) return Said::kMalformed;
    number_ = (number_ * 10) + (byte - '0');
    return Said::kMore;
  }

  Said EndLine() noexcept {
    in_line_ = false;
    // What an attribute is about comes behind it, and is still missing.
    if (type_ != '|') --missing_;
    if (!counts_) return Said::kMore;
    if (digits_ == 0 || (is_null_ && number_ != 1)) return Said::kMalformed;
    if (is_null_) return Said::kMore;
    switch (type_) {
      case '$':
      case '!':
      case '=':
        skip_ = number_ + 2;
        break;
      case '%':
      case '|':
        missing_ += 2 * number_;
        break;
      default:
        missing_ += number_;
    }
    // Told by the header already, before anything of it is waited for. A value has three bytes.
    return length_ + skip_ + (3 * missing_) > most_ ? Said::kTooLarge : Said::kMore;
  }

  const std::uint64_t most_;
  // Values that have not begun.
  std::uint64_t missing_ = 1;
  // Of the response so far.
  std::uint64_t length_ = 0;
  // Bytes of a value, with its line end.
  std::uint64_t skip_ = 0;
  std::uint64_t number_ = 0;
  int digits_ = 0;
  int code_ = 0;
  std::uint8_t type_ = 0;
  bool is_first_ = true;
  bool is_push_ = false;
  bool in_line_ = false;
  bool has_cr_ = false;
  bool is_null_ = false;
  bool counts_ = false;
};

}  // namespace

std::unique_ptr<ResponseReader> ResponseReader::Of(const ResponseFraming& framing,
                                                   std::uint64_t most) {
  switch (framing.kind) {
    case ResponseFraming::Kind::kFixed:
      return std::make_unique<FixedReader>(framing.bytes);
    case ResponseFraming::Kind::kDelimited:
      return std::make_unique<DelimitedReader>(framing.delimiter, most);
    case ResponseFraming::Kind::kLength:
      return std::make_unique<LengthReader>(framing, most);
    case ResponseFraming::Kind::kResp:
      return std::make_unique<RespReader>(most);
    case ResponseFraming::Kind::kHttp1:
      break;
  }
  return std::make_unique<HttpResponseReader>(framing.head, most);
}

}  // namespace pollout
