// A program that has the threads of the bulk lane do everything they can do at
// the same time, for ThreadSanitizer to watch: scripts/thread-sanitize.mjs.
// Without Node, as that is not instrumented.
//
//   bulk-stress <seed> <steps>
//
// The main thread stands for JavaScript's: it opens, fills, limits and cancels
// lanes at random and takes their outcomes. At the end nothing may be open.
#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "../native/bulk_engine.h"
#include "../native/bulk_lane.h"
#include "../native/bulk_thread.h"
#include "../native/monotonic_clock.h"

namespace {

using pollout::BulkAttempt;
using pollout::BulkEngine;
using pollout::BulkLane;
using pollout::BulkOutcome;
using pollout::BulkPlan;
using pollout::BulkThread;

constexpr std::uint32_t kThreads = 3;
constexpr std::size_t kMostLanes = 4;
constexpr std::uint64_t kQuietNs = 200'000;

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

// On loopback; without a backlog nobody listens.
int Bind(int backlog, std::uint16_t *port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(at);
  auto *address = reinterpret_cast<sockaddr *>(&at);
  Check(::bind(fd, address, size) == 0, "bind");
  Check(backlog < 0 || ::listen(fd, backlog) == 0, "listen");
  Check(::getsockname(fd, address, &size) == 0, "getsockname");
  *port = ntohs(at.sin_port);
  return fd;
}

class Storm final : private BulkEngine::Owner, private BulkThread::Owner {
public:
  Storm(unsigned seed, std::uint16_t open_port, std::uint16_t closed_port)
      : random_(seed), open_port_(open_port), closed_port_(closed_port) {
    for (std::uint32_t index = 0; index < kThreads; ++index) {
      BulkEngine::Settings settings;
      settings.index = index;
      settings.quiet_ns = kQuietNs;
      settings.quiet_unkept_ns = 2 * kQuietNs;
      settings.yield_every = 4;
      runners_.push_back(std::make_unique<Runner>(*this, settings));
      const char *call = nullptr;
      Check(runners_.back()->engine.Open(&call) == 0, "engine");
    }
    for (const auto &runner : runners_)
      Check(runner->thread.Start() == 0, "thread");
  }

  void Run(int steps) {
    for (int step = 0; step < steps; ++step)
      Step();
    // Half of what is left ends, the other half is stopped.
    while (lanes_.size() > kMostLanes / 2) {
      Finish(lanes_.back());
      lanes_.pop_back();
    }
    lanes_.clear();
    for (const auto &runner : runners_)
      runner->engine.Stop();
    for (const auto &runner : runners_)
      runner->thread.Join();
    Check(ended_ == static_cast<int>(kThreads),
          "every thread says that it has ended");
    runners_.clear();
    Check(open_sockets_ == 0, "no socket is left");
  }

private:
  struct Runner {
    Runner(Storm &storm, BulkEngine::Settings settings)
        : engine(storm, settings, storm.open_sockets_), thread(engine, storm) {}
    BulkEngine engine;
    BulkThread thread;
  };
  struct Lane {
    std::shared_ptr<BulkLane> lane;
    // Submitted and not told.
    std::size_t owed = 0;
  };

  void OnOutcomes() override { announced_ = true; }
  void OnThreadEnded() override { ++ended_; }

  unsigned Pick(unsigned below) {
    return std::uniform_int_distribution<unsigned>(0, below - 1)(random_);
  }

  void Step() {
    if (announced_.exchange(false)) {
      for (Lane &lane : lanes_)
        Take(lane);
    }
    if (lanes_.size() < kMostLanes && Pick(4) == 0)
      Open();
    if (lanes_.empty())
      return;
    Lane &lane = lanes_[Pick(static_cast<unsigned>(lanes_.size()))];
    switch (Pick(8)) {
    case 0:
      lane.lane->Limit(1 + Pick(50));
      Poke();
      break;
    case 1:
      if (Pick(8) == 0)
        Cancel(lane);
      break;
    default:
      Submit(lane, Pick(30));
    }
  }

  void Open() {
    BulkPlan plan;
    plan.on_connected = static_cast<pollout::OnConnected>(Pick(3));
    plan.interval_ms = 0.01;
    auto lane =
        std::make_shared<BulkLane>(std::move(plan), 1 + Pick(50), kThreads);
    for (const auto &runner : runners_)
      runner->engine.Add(lane);
    lanes_.push_back({std::move(lane)});
  }

  void Submit(Lane &lane, std::size_t count) {
    std::vector<BulkAttempt> attempts(count);
    const double now_ms = pollout::MsSince(0, pollout::MonotonicNs());
    for (BulkAttempt &attempt : attempts) {
      attempt.id = static_cast<std::uint32_t>(submitted_at_.size());
      submitted_at_.push_back(now_ms);
      attempt.ip_version = 4;
      attempt.port = Pick(2) == 0 ? open_port_ : closed_port_;
      attempt.address = {127, 0, 0, 1};
      attempt.timeout_ms = Pick(4) == 0 ? 1 : 50;
      attempt.start_at = Pick(3) == 0 ? 0.001 : 0;
    }
    lane.owed += count;
    lane.lane->Submit(reinterpret_cast<const std::uint8_t *>(attempts.data()),
                      count);
    Poke();
  }

  void Poke() {
    for (const auto &runner : runners_)
      runner->engine.Poke();
  }

  void Take(Lane &lane) {
    lane.lane->TakeOutcomes(&outcomes_, Pick(100));
    for (const BulkOutcome &outcome : outcomes_) {
      const auto status = static_cast<int>(outcome.fields.status);
      Check(status == 0 || status == -ECONNREFUSED || status == -ETIMEDOUT,
            "a known status");
      ExpectOrdered(outcome.fields);
    }
    Check(outcomes_.size() <= lane.owed, "one outcome for each attempt");
    lane.owed -= outcomes_.size();
    outcomes_.clear();
    announced_ = true;
  }

  void ExpectOrdered(const pollout::BulkFields &fields) {
    double before = submitted_at_[static_cast<std::size_t>(fields.id)];
    for (const double at : {fields.started_at, fields.sent_at, fields.ready_at,
                            fields.ended_at}) {
      if (std::isnan(at))
        continue;
      Check(at >= before, "an attempt's times are in order");
      before = at;
    }
  }

  void Finish(Lane &lane) {
    while (lane.owed > 0) {
      Take(lane);
      ::usleep(100);
    }
    Remove(std::move(lane.lane));
  }

  void Cancel(Lane &lane) {
    std::swap(lane, lanes_.back());
    lanes_.back().lane->Cancel();
    Remove(std::move(lanes_.back().lane));
    lanes_.pop_back();
  }

  void Remove(std::shared_ptr<BulkLane> lane) {
    for (const auto &runner : runners_)
      runner->engine.Remove(lane);
  }

  std::mt19937 random_;
  std::uint16_t open_port_;
  std::uint16_t closed_port_;
  std::atomic<std::int64_t> open_sockets_{0};
  std::atomic<bool> announced_{false};
  std::atomic<int> ended_{0};
  std::vector<Lane> lanes_;
  // By the attempts' ids, in milliseconds.
  std::vector<double> submitted_at_;
  std::vector<BulkOutcome> outcomes_;
  std::vector<std::unique_ptr<Runner>> runners_;
};

} // namespace

int main(int argc, char **argv) {
  const auto seed = static_cast<unsigned>(argc > 1 ? std::atoi(argv[1]) : 1);
  const int steps = argc > 2 ? std::atoi(argv[2]) : 2000;
  std::uint16_t open_port = 0;
  std::uint16_t closed_port = 0;
  // Nobody accepts: once the queue is full, a connect to it gets no answer.
  Bind(64, &open_port);
  Bind(-1, &closed_port);
  const int before = CountDescriptors();
  Storm(seed, open_port, closed_port).Run(steps);
  Check(CountDescriptors() == before, "every descriptor is given back");
  std::printf("seed %u: %d steps\n", seed, steps);
  return 0;
}
