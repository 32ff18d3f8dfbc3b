// RequestPlan: requests with what differs from one to the next filled in.
#include <array>
#include <string_view>

#include "exchange_records.h"

namespace pollout {

namespace {

constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15;
constexpr std::string_view kLetters =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

// SplitMix64, Steele, Lea and Flood (2014): a good number for each state, and states may be any.
class Chance {
 public:
  Chance(std::uint64_t seed, std::uint64_t id, std::uint64_t part) noexcept
      : state_(Mix(Mix(seed + (id * kGolden)) + part)) {}

  std::uint64_t Next() noexcept { return Mix(state_ += kGolden); }
  // From 0 to below `count`: by the high half of a product, Lemire (2019). What it is off by is
  // less than count / 2^64.
  std::uint64_t Below(std::uint64_t count) noexcept {
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint64_t>((static_cast<Wide>(Next()) * count) >> 64U);
  }

 private:
  static std::uint64_t Mix(std::uint64_t value) noexcept {
    value = (value ^ (value >> 30U)) * 0xbf58476d1ce4e5b9;
    value = (value ^ (value >> 27U)) * 0x94d049bb133111eb;
    return value ^ (value >> 31U);
  }

  std::uint64_t state_;
};

// The last `width` digits, with zeros in front.
void WriteDigits(std::uint64_t number, std::uint32_t width, std::vector<std::uint8_t>* into) {
  const std::size_t begin = into->size();
  into->resize(begin + width);
  for (std::size_t at = begin + width; at > begin; number /= 10) {
    (*into)[--at] = static_cast<std::uint8_t>('0' + (number % 10));
  }
}

}  // namespace

void RequestPlan::Write(std::uint64_t id, std::uint64_t seed,
                        std::vector<std::uint8_t>* into) const {
  for (std::size_t index = 0; index < parts.size(); ++index) {
    const Part& part = parts[index];
    Chance chance(seed, id, index);
    switch (part.kind) {
      case Part::Kind::kBytes:
        into->insert(into->end(), part.bytes.begin(), part.bytes.end());
        break;
      case Part::Kind::kCounter:
        WriteDigits(part.first + id, part.width, into);
        break;
      case Part::Kind::kNumber:
        WriteDigits(part.first + chance.Below(part.count), part.width, into);
        break;
      case Part::Kind::kText:
        for (std::uint32_t count = 0; count < part.width; ++count) {
          into->push_back(static_cast<std::uint8_t>(kLetters[chance.Below(kLetters.size())]));
        }
        break;
    }
  }
}

}  // namespace pollout
