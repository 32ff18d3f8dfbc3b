// What makes the addon need no C++ library where it is loaded.
//
// libstdc++ is linked into it, but of that only containers are used. Its way to say that memory has
// run out, or that a container was misused, is to throw, and that would bring the unwinder along,
// which asks for a glibc of the machine that it was built on. Nothing here catches, and nothing may
// be thrown across Node-API: so these end the process, as an exception that nobody catches does.
//
// What is left of libstdc++ is the red-black tree of std::map. Builds for sanitizers leave this
// file out: they have allocators of their own.
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <typeinfo>

#include "glibc_floor.h"

#ifdef POLLOUT_FIRST_GLIBC
extern "C" {
// Of glibc 2.32, asked for by libstdc++: whether it may count references without atomic
// instructions. No is always right.
// NOLINTNEXTLINE(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): glibc's name.
__attribute__((visibility("hidden"))) char __libc_single_threaded = 0;
}
#endif

#ifdef __GLIBCXX__

void* operator new(std::size_t size) {
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) std::abort();
  return memory;
}
void* operator new[](std::size_t size) { return operator new(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t /*size*/) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t /*size*/) noexcept { std::free(memory); }

extern "C" {
// NOLINTNEXTLINE(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): its name.
void __cxa_pure_virtual() { std::abort(); }
}

// Compiled here, as libstdc++'s own throws.
template class std::basic_string<char>;

namespace std {

// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp,cert-dcl58-cpp): its names.
void __throw_bad_alloc() { abort(); }
void __throw_bad_array_new_length() { abort(); }
void __throw_length_error(const char* /*what*/) { abort(); }
void __throw_logic_error(const char* /*what*/) { abort(); }
void __throw_out_of_range_fmt(const char* /*format*/, ...) { abort(); }
// Of a std::make_shared() that an old libstdc++ compiled.
bool _Sp_make_shared_tag::_S_eq(const type_info& /*type*/) noexcept { abort(); }
void __throw_system_error(int /*error*/) { abort(); }
// NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp,cert-dcl58-cpp)

}  // namespace std

#endif
