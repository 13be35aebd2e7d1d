//! A disk that can be filled: a tmpfs of its own. Needs the right to mount, and says loudly when it has none.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::statvfs::statvfs;

use super::skip;

/// A file system of its own, gone with the value.
pub(crate) struct SmallDisk {
    root: tempfile::TempDir,
}

impl SmallDisk {
    /// None, with a word about it, where mounting is not permitted.
    pub(crate) fn new(size_mb: u64) -> Option<Self> {
        let root = tempfile::tempdir().expect("a folder");
        let size = format!("size={size_mb}m");
        match mount(Some("tmpfs"), root.path(), Some("tmpfs"), MsFlags::empty(), Some(size.as_str())) {
            Ok(()) => Some(Self { root }),
            Err(error) => {
                skip(&format!("cannot mount a small disk ({error}); run it as root"));
                None
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.root.path()
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }

    /// Takes the space until no more than `spare_mb` are left.
    pub(crate) fn fill(&self, spare_mb: u64) {
        let mut ballast = File::options().create(true).append(true).open(self.ballast()).expect("the ballast opens");
        let block = vec![7; 1 << 20];
        while self.free_mb() > spare_mb && ballast.write_all(&block).is_ok() {}
    }

    fn free_mb(&self) -> u64 {
        let disk = statvfs(self.path()).expect("the disk is there");
        (disk.blocks_available() * disk.fragment_size()) >> 20
    }

    pub(crate) fn make_room(&self) {
        std::fs::remove_file(self.ballast()).expect("the ballast is there");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        umount2(self.path(), MntFlags::MNT_DETACH).expect("the small disk unmounts");
    }
}
