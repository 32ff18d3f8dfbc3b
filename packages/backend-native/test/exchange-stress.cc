// A program that has the threads of exchange lanes do everything they can do at
// the same time, for ThreadSanitizer to watch: scripts/thread-sanitize.mjs.
// Without Node, as that is not instrumented.
//
//   exchange-stress <seed> <steps>
//
// The main thread stands for JavaScript's: it opens, fills, stops and cancels
// lanes at random and takes their outcomes. A server in a thread of its own
// answers, or resets, or says nothing. At the end nothing may be open.
#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <memory>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "../native/exchange_engine.h"
#include "../native/exchange_lane.h"
#include "../native/monotonic_clock.h"

namespace {

using pollout::ConnectionFields;
using pollout::ExchangeEngine;
using pollout::ExchangeFields;
using pollout::ExchangeLane;
using pollout::ExchangePlan;
using pollout::RequestPlan;
using pollout::ResponseFraming;

constexpr std::uint32_t kThreads = 3;
constexpr std::size_t kMostLanes = 3;

void Check(bool holds, const char *what) {
  if (holds)
    return;
  std::fprintf(stderr, "failed: %s\n", what);
  std::exit(1);
}

int CountDescriptors() {
  int count = 0;
  DIR *folder = ::opendir("/proc/self/fd");
  while (::readdir(folder) != nullptr)
    ++count;
  ::closedir(folder);
  return count;
}

// Answers a byte for each, but now and then: not at all, twice, or with RST.
class Server {
public:
  explicit Server(unsigned seed) : random_(seed) {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(at);
    auto *address = reinterpret_cast<sockaddr *>(&at);
    Check(::bind(fd_, address, size) == 0, "bind");
    Check(::listen(fd_, 256) == 0, "listen");
    Check(::getsockname(fd_, address, &size) == 0, "getsockname");
    address_ = at;
    thread_ = std::thread([this] { Run(); });
  }
  ~Server() {
    stop_ = true;
    thread_.join();
    for (const pollfd &one : polled_)
      ::close(one.fd);
  }
  const sockaddr_in &address() const { return address_; }

private:
  unsigned Pick(unsigned below) {
    return std::uniform_int_distribution<unsigned>(0, below - 1)(random_);
  }

  void Run() {
    polled_.push_back({fd_, POLLIN, 0});
    while (!stop_) {
      ::poll(polled_.data(), polled_.size(), 5);
      if ((polled_[0].revents & POLLIN) != 0) {
        const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
        if (fd >= 0)
          polled_.push_back({fd, POLLIN, 0});
      }
      for (std::size_t index = polled_.size(); --index > 0;) {
        if (polled_[index].revents == 0 || Serve(polled_[index].fd))
          continue;
        ::close(polled_[index].fd);
        polled_[index] = polled_.back();
        polled_.pop_back();
      }
    }
  }

  bool Serve(int fd) {
    char bytes[256];
    const ssize_t size = ::recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (size <= 0)
      return false;
    switch (Pick(60)) {
    case 0:
      return true;
    case 1:
      ::send(fd, "xx", 2, MSG_NOSIGNAL | MSG_DONTWAIT);
      return true;
    case 2: {
      linger at_once{1, 0};
      ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
      return false;
    }
    default:
      ::send(fd, bytes, static_cast<std::size_t>(size),
             MSG_NOSIGNAL | MSG_DONTWAIT);
      return true;
    }
  }

  std::mt19937 random_;
  int fd_ = -1;
  sockaddr_in address_{};
  std::atomic<bool> stop_{false};
  std::vector<pollfd> polled_;
  std::thread thread_;
};

class Lane final : private ExchangeEngine::Owner {
public:
  Lane(ExchangePlan plan, unsigned seed)
      : random_(seed), lane_(std::move(plan), kThreads) {
    for (std::uint32_t index = 0; index < kThreads; ++index) {
      ExchangeEngine::Owner &owner = *this;
      engines_.push_back(std::make_unique<ExchangeEngine>(owner, lane_, index));
      const char *call = nullptr;
      Check(engines_.back()->Open(&call) == 0, "engine");
    }
    for (const auto &engine : engines_)
      threads_.emplace_back([&engine] { engine->Run(); });
  }
  ~Lane() {
    for (const auto &engine : engines_)
      engine->Stop();
    for (std::thread &thread : threads_)
      thread.join();
    for (const auto &engine : engines_)
      Check(engine->open_sockets() == 0, "no socket is left");
  }

  void Submit(std::size_t count, double start_at) {
    std::vector<double> records;
    for (std::size_t index = 0; index < count; ++index) {
      records.push_back(start_at);
      records.push_back(0);
    }
    owed_ += count;
    lane_.Submit(records.data(), count);
    Poke();
  }

  void Stop() {
    lane_.Stop();
    Poke();
  }

  void Take() {
    lane_.Take(&exchanges_, &connections_, 200);
    for (const ExchangeFields &fields : exchanges_) {
      double before = -std::numeric_limits<double>::infinity();
      for (const double at : {fields.free_at, fields.sent_at, fields.first_at,
                              fields.received_at, fields.done_at}) {
        if (std::isnan(at))
          continue;
        Check(at >= before, "an exchange's times are in order");
        before = at;
      }
    }
    Check(exchanges_.size() <= owed_, "one outcome for each exchange");
    owed_ -= exchanges_.size();
    exchanges_.clear();
    connections_.clear();
  }

  void Finish() {
    while (owed_ > 0) {
      Take();
      ::usleep(100);
    }
  }

private:
  void OnExchanges() override {}
  void Poke() {
    for (const auto &engine : engines_)
      engine->Poke();
  }

  std::mt19937 random_;
  ExchangeLane lane_;
  std::vector<std::unique_ptr<ExchangeEngine>> engines_;
  std::vector<std::thread> threads_;
  std::size_t owed_ = 0;
  std::vector<ExchangeFields> exchanges_;
  std::vector<ConnectionFields> connections_;
};

ExchangePlan PlanFor(const sockaddr_in &address, std::mt19937 &random) {
  const auto pick = [&random](unsigned below) {
    return std::uniform_int_distribution<unsigned>(0, below - 1)(random);
  };
  ExchangePlan plan;
  ExchangePlan::Peer peer;
  const auto *bytes =
      reinterpret_cast<const std::uint8_t *>(&address.sin_addr.s_addr);
  peer.address.SetInet(bytes, ntohs(address.sin_port));
  peer.kind.family = AF_INET;
  peer.kind.type = SOCK_STREAM;
  plan.peers.push_back(peer);
  plan.connections = 1 + pick(20);
  plan.eager = pick(2) == 0;
  plan.exchanges_per_connection = pick(2) == 0 ? UINT64_MAX : 1 + pick(5);
  plan.depth = 1 + pick(4);
  RequestPlan request;
  RequestPlan::Part part;
  part.bytes = {'?'};
  request.parts.push_back(part);
  plan.requests.push_back(request);
  plan.framing.kind = ResponseFraming::Kind::kFixed;
  plan.framing.bytes = 1;
  plan.connect_timeout_ms = 50;
  plan.timeout_ms = 20;
  plan.resets = true;
  plan.kernel_times = pick(2) == 0;
  return plan;
}

} // namespace

int main(int argc, char **argv) {
  const auto seed = static_cast<unsigned>(argc > 1 ? std::atoi(argv[1]) : 1);
  const int steps = argc > 2 ? std::atoi(argv[2]) : 2000;
  const int before = CountDescriptors();
  {
    std::mt19937 random(seed);
    const auto pick = [&random](unsigned below) {
      return std::uniform_int_distribution<unsigned>(0, below - 1)(random);
    };
    Server server(seed);
    std::vector<std::unique_ptr<Lane>> lanes;
    for (int step = 0; step < steps; ++step) {
      if (lanes.size() < kMostLanes && pick(4) == 0) {
        lanes.push_back(
            std::make_unique<Lane>(PlanFor(server.address(), random), seed));
      }
      if (lanes.empty())
        continue;
      const std::size_t index = pick(static_cast<unsigned>(lanes.size()));
      Lane &lane = *lanes[index];
      const double now_ms = pollout::MsSince(0, pollout::MonotonicNs());
      switch (pick(40)) {
      case 0:
        lane.Stop();
        break;
      case 1:
        // Some with all that they owe, the others in the middle of it.
        if (pick(2) == 0)
          lane.Finish();
        lanes.erase(lanes.begin() + static_cast<std::ptrdiff_t>(index));
        break;
      default:
        lane.Submit(pick(20), pick(2) == 0 ? 0 : now_ms + pick(3));
        lane.Take();
      }
    }
  }
  Check(CountDescriptors() == before, "every descriptor is given back");
  std::printf("seed %u: %d steps\n", seed, steps);
  return 0;
}
