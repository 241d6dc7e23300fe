//! Giving the memory back of code that only the start has needed.
//!
//! The kernel maps sixteen pages of a library around each that is touched, so that after the start nearly all code is
//! resident: 7 MB of it, of which some hundred kilobytes are needed again. What is given back stays in the page cache;
//! who needs it gets it from there, sixteen pages at a time, within a microsecond or two.

#![expect(unsafe_code, reason = "neither the standard library nor nix lists the objects that are loaded")]

use std::{ffi::c_int, ptr, slice};

use nix::unistd::{SysconfVar, sysconf};

/// Tags of a dynamic section: its end, and the two that say that code is changed when it is loaded.
const DT_NULL: usize = 0;
const DT_TEXTREL: usize = 22;
const DT_FLAGS: usize = 30;
const DF_TEXTREL: usize = 4;

#[cfg(target_pointer_width = "64")]
type Header = libc::Elf64_Phdr;
#[cfg(target_pointer_width = "32")]
type Header = libc::Elf32_Phdr;

/// Entry of a dynamic section, as ELF has it for the words of this machine.
#[repr(C)]
struct Dynamic {
    tag: usize,
    value: usize,
}

/// Give the code of the executable and of all libraries back.
pub(crate) fn trim() {
    let page = sysconf(SysconfVar::PAGE_SIZE).ok().flatten().and_then(|size| usize::try_from(size).ok());
    let Some(mut page) = page.filter(|page| page.is_power_of_two()) else { return };
    // SAFETY: `trim_object` gets a pointer to `page`, as it asks for, and objects that stay loaded meanwhile: the
    // loader's lock is held.
    unsafe { libc::dl_iterate_phdr(Some(trim_object), (&raw mut page).cast()) };
}

/// Give the code of one object back. `page` is the size of a page, as a `usize`.
unsafe extern "C" fn trim_object(info: *mut libc::dl_phdr_info, _: usize, page: *mut libc::c_void) -> c_int {
    // SAFETY: both are what the caller says.
    let (info, page) = unsafe { (&*info, *page.cast::<usize>()) };
    let headers = match info.dlpi_phdr {
        headers if headers.is_null() => &[][..],
        // SAFETY: so many headers stand there, as long as the object is loaded.
        headers => unsafe { slice::from_raw_parts(headers, info.dlpi_phnum.into()) },
    };
    let place = |header: &Header| address(info.dlpi_addr).wrapping_add(address(header.p_vaddr));
    let dynamic = headers.iter().find(|header| header.p_type == libc::PT_DYNAMIC).map(place);
    // SAFETY: the loader has read it there.
    if dynamic.is_none_or(|place| unsafe { changes_code(ptr::with_exposed_provenance(place)) }) {
        return 0;
    }
    let is_only_code = |flags| flags & libc::PF_X != 0 && flags & libc::PF_W == 0;
    for header in headers.iter().filter(|header| header.p_type == libc::PT_LOAD && is_only_code(header.p_flags)) {
        // Pages at either end may hold something else as well.
        let begin = place(header).next_multiple_of(page);
        let end = place(header).wrapping_add(address(header.p_filesz)) & !(page - 1);
        if end > begin {
            // SAFETY: nobody has ever written to these pages: they are mapped without a right to it, and the object
            // has no relocations in its code. Each is read from the file again, as it was.
            unsafe { libc::madvise(ptr::with_exposed_provenance_mut(begin), end - begin, libc::MADV_DONTNEED) };
        }
    }
    0
}

/// Return an address or a size of an object that is in this process, so that it is no larger than that.
fn address(number: impl TryInto<usize>) -> usize {
    number.try_into().unwrap_or(0)
}

/// Tell whether an object has relocations in its code, by its dynamic section.
///
/// # Safety
///
/// A whole dynamic section has to stand there.
unsafe fn changes_code(mut dynamic: *const Dynamic) -> bool {
    loop {
        // SAFETY: it ends with an entry that says so.
        let Dynamic { tag, value } = unsafe { dynamic.read() };
        match tag {
            DT_NULL => return false,
            DT_TEXTREL => return true,
            DT_FLAGS if value & DF_TEXTREL != 0 => return true,
            // SAFETY: this was not the last one.
            _ => dynamic = unsafe { dynamic.add(1) },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Resident kilobytes of code of the test itself.
    fn resident_code() -> u64 {
        let executable = std::env::current_exe().unwrap().display().to_string();
        let maps = fs::read_to_string("/proc/self/smaps").unwrap();
        let mut code = maps.lines().skip_while(|line| !(line.contains("r-xp") && line.ends_with(&executable)));
        let resident = code.find_map(|line| line.strip_prefix("Rss:")).unwrap();
        resident.trim().trim_end_matches(" kB").parse().unwrap()
    }

    #[test]
    fn code_goes_and_comes_back_as_it_was() {
        // Some of it is there by now, and was used.
        let before = resident_code();
        // Others of these tests run at the same time, and need what they need.
        let least = (0..10).map(|_| {
            trim();
            resident_code()
        });
        let least = least.min().unwrap();
        assert!(least < before, "{least} kB of {before}");
        assert_eq!(format!("{:?}", Some(1.5)), "Some(1.5)");
    }
}
