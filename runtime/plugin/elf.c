/* See elf.h. The dynamic symbol table is found through the section headers, the constant's place in
 * the file through the load segments: the same bytes the loader would map. */
#include "runtime/plugin/elf.h"

#include "log/base/error.h"

#include <elf.h>
#include <string.h>

/* The header of this very program, placed by the linker: the machine that a library must be for. */
extern const Elf64_Ehdr __ehdr_start __attribute__((visibility("hidden")));

/* Copies `size` bytes at `position`, so that nothing is read through an unaligned pointer. */
static bool image_read(struct bytes image, uint64_t position, size_t size, void *out)
{
    if (position > image.size || size > image.size - position) {
        return false;
    }
    memcpy(out, image.data + position, size);
    return true;
}

static int read_header(struct bytes image, Elf64_Ehdr *out)
{
    if (!image_read(image, 0, sizeof *out, out)) {
        return ERROR_UNSUPPORTED;
    }
    bool is_elf = memcmp(out->e_ident, ELFMAG, SELFMAG) == 0;
    bool is_ours = is_elf && out->e_ident[EI_CLASS] == __ehdr_start.e_ident[EI_CLASS] &&
                   out->e_ident[EI_DATA] == __ehdr_start.e_ident[EI_DATA] &&
                   out->e_machine == __ehdr_start.e_machine && out->e_type == ET_DYN;
    if (!is_ours) {
        return ERROR_UNSUPPORTED;
    }
    bool has_tables = out->e_shentsize == sizeof(Elf64_Shdr) &&
                      out->e_phentsize == sizeof(Elf64_Phdr) && out->e_shnum > 0;
    return has_tables ? 0 : ERROR_MALFORMED;
}

/* `index` is below 2^16 and the entry size constant, so only the base can be wild. */
static bool read_section(struct bytes image, const Elf64_Ehdr *header, uint32_t index,
                         Elf64_Shdr *out)
{
    return index < header->e_shnum && header->e_shoff <= image.size &&
           image_read(image, header->e_shoff + (uint64_t)index * sizeof *out, sizeof *out, out);
}

static bool section_bytes(struct bytes image, const Elf64_Shdr *section, struct bytes *out)
{
    if (section->sh_offset > image.size || section->sh_size > image.size - section->sh_offset) {
        return false;
    }
    *out = bytes_make(image.data + section->sh_offset, (size_t)section->sh_size);
    return true;
}

static int find_tables(struct bytes image, const Elf64_Ehdr *header, struct bytes *symbols,
                       struct bytes *names)
{
    for (uint32_t i = 0; i < header->e_shnum; i++) {
        Elf64_Shdr section;
        if (!read_section(image, header, i, &section)) {
            return ERROR_MALFORMED;
        }
        if (section.sh_type != SHT_DYNSYM) {
            continue;
        }
        Elf64_Shdr strings;
        bool is_sound = section.sh_entsize == sizeof(Elf64_Sym) &&
                        section_bytes(image, &section, symbols) &&
                        read_section(image, header, section.sh_link, &strings) &&
                        strings.sh_type == SHT_STRTAB && section_bytes(image, &strings, names);
        return is_sound ? 0 : ERROR_MALFORMED;
    }
    return ERROR_NOT_FOUND;
}

static bool name_equals(struct bytes names, uint32_t position, const char *symbol)
{
    size_t size = strlen(symbol) + 1;
    return position <= names.size && size <= names.size - position &&
           memcmp(names.data + position, symbol, size) == 0;
}

static int find_entry(struct bytes symbols, struct bytes names, const char *symbol, Elf64_Sym *out)
{
    for (size_t at = 0; symbols.size - at >= sizeof *out; at += sizeof *out) {
        Elf64_Sym entry;
        memcpy(&entry, symbols.data + at, sizeof entry);
        if (entry.st_shndx != SHN_UNDEF && ELF64_ST_TYPE(entry.st_info) == STT_OBJECT &&
            name_equals(names, entry.st_name, symbol)) {
            *out = entry;
            return 0;
        }
    }
    return ERROR_NOT_FOUND;
}

/* Translates an address into a place in the file. */
static int find_content(struct bytes image, const Elf64_Ehdr *header, uint64_t address, size_t size,
                        struct bytes *out)
{
    for (uint32_t i = 0; i < header->e_phnum && header->e_phoff <= image.size; i++) {
        Elf64_Phdr segment;
        uint64_t position = header->e_phoff + (uint64_t)i * sizeof segment;
        if (!image_read(image, position, sizeof segment, &segment)) {
            return ERROR_MALFORMED;
        }
        if (segment.p_type != PT_LOAD || address < segment.p_vaddr ||
            address - segment.p_vaddr >= segment.p_filesz) {
            continue;
        }
        uint64_t inside = address - segment.p_vaddr;
        bool is_sound = size <= segment.p_filesz - inside && segment.p_offset <= image.size &&
                        inside <= image.size - segment.p_offset &&
                        size <= image.size - segment.p_offset - inside;
        if (!is_sound) {
            return ERROR_MALFORMED;
        }
        *out = bytes_make(image.data + segment.p_offset + inside, size);
        return 0;
    }
    return ERROR_MALFORMED;
}

int elf_find_symbol(struct bytes image, const char *symbol, size_t size, struct bytes *out)
{
    Elf64_Ehdr header;
    struct bytes symbols;
    struct bytes names;
    Elf64_Sym entry;
    int error = read_header(image, &header);
    if (error == 0) {
        error = find_tables(image, &header, &symbols, &names);
    }
    if (error == 0) {
        error = find_entry(symbols, names, symbol, &entry);
    }
    if (error == 0 && entry.st_size < size) {
        error = ERROR_NOT_FOUND;
    }
    if (error == 0) {
        error = find_content(image, &header, entry.st_value, size, out);
    }
    return error;
}
