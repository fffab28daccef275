#include "cuda/emulator/symbols.h"

#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <set>

#if defined(__ELF__)
#include <cxxabi.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

// A thread-local variable whose symbol tells where the others lie.
extern "C" {
extern thread_local char ink_emulator_anchor;
thread_local char ink_emulator_anchor = 0;
}

namespace ink::emulator {
namespace {

struct Symbols {
  std::map<const void*, std::string> functions;
  std::vector<SharedVariable> shared;
};

#if defined(__ELF__)

// Where the loader has put the program.
std::uintptr_t find_program() {
  std::uintptr_t base = 0;
  ::dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* result) {
        *static_cast<std::uintptr_t*>(result) = info->dlpi_addr;
        return 1;  // the first entry is the program itself
      },
      &base);
  return base;
}

bool starts_with(const std::string& text, const char* start) { return text.rfind(start, 0) == 0; }

// Reads .symtab of the file that runs.
Symbols read_symbols() {
  Symbols symbols;
  const int file = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  struct stat status {};
  if (file < 0 || ::fstat(file, &status) != 0) return symbols;
  const auto size = static_cast<std::size_t>(status.st_size);
  void* const mapped = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
  ::close(file);
  if (mapped == MAP_FAILED) return symbols;

  const auto* image = static_cast<const std::byte*>(mapped);
  const auto* header = reinterpret_cast<const ElfW(Ehdr)*>(image);
  const auto* sections = reinterpret_cast<const ElfW(Shdr)*>(image + header->e_shoff);
  const std::uintptr_t base = find_program();
  // Thread-local variables by their offset in the block of this thread, and where that begins.
  std::vector<std::pair<std::string, const ElfW(Sym)*>> candidates;
  std::byte* block = nullptr;
  std::set<std::string> guarded;
  for (unsigned s = 0; s < header->e_shnum; ++s) {
    if (sections[s].sh_type != SHT_SYMTAB) continue;
    const auto* first = reinterpret_cast<const ElfW(Sym)*>(image + sections[s].sh_offset);
    const auto* names =
        reinterpret_cast<const char*>(image + sections[sections[s].sh_link].sh_offset);
    for (std::size_t i = 0; i < sections[s].sh_size / sizeof(ElfW(Sym)); ++i) {
      const ElfW(Sym)& symbol = first[i];
      if (symbol.st_shndx == SHN_UNDEF) continue;
      const std::string name = names + symbol.st_name;
      const unsigned type = symbol.st_info & 0xFu;
      if (type == STT_FUNC && starts_with(name, "_ZN3ink")) {
        symbols.functions[reinterpret_cast<const void*>(base + symbol.st_value)] = name;
      } else if (type == STT_TLS &&
                 (starts_with(name, "_ZZN3ink4cuda") || starts_with(name, "_ZZN3ink4test"))) {
        candidates.emplace_back(name, &symbol);
      } else if (type == STT_TLS && name == "ink_emulator_anchor") {
        block = reinterpret_cast<std::byte*>(&ink_emulator_anchor) - symbol.st_value;
      } else if (type == STT_TLS && starts_with(name, "_ZGVZ")) {
        guarded.insert(name.substr(4));
      }
    }
  }
  // A variable with a constructor is none of a kernel's.
  for (const auto& [name, symbol] : candidates) {
    if (guarded.count(name.substr(2)) == 0)
      symbols.shared.push_back({block + symbol->st_value, symbol->st_size});
  }
  ::munmap(mapped, size);
  return symbols;
}

std::string demangled(const std::string& name) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(
      abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status), &std::free);
  return status == 0 ? text.get() : name;
}

#else

Symbols read_symbols() { return {}; }
std::string demangled(const std::string& name) { return name; }

#endif

const Symbols& symbols() {
  static const auto* const instance = new Symbols(read_symbols());
  return *instance;
}

}  // namespace

std::string mangled_name(const void* function) {
  const auto found = symbols().functions.find(function);
  return found == symbols().functions.end() ? std::string() : found->second;
}

std::string readable_name(const void* function) {
  std::string name = demangled(mangled_name(function));
  for (const char* noise : {"void ", "(anonymous namespace)::"}) {
    for (auto at = name.find(noise); at != std::string::npos; at = name.find(noise)) {
      name.erase(at, std::string(noise).size());
    }
  }
  // Parameters follow the last "(" at the depth of the name itself.
  int depth = 0;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '<') ++depth;
    if (name[i] == '>') --depth;
    if (name[i] == '(' && depth == 0) return name.substr(0, i);
  }
  return name.empty() ? "a kernel" : name;
}

std::vector<SharedVariable> shared_variables() { return symbols().shared; }

}  // namespace ink::emulator
