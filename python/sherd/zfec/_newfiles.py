# SPDX-License-Identifier: MIT
"""Files that appear all together or not at all.

Each file is written under a temporary name in the folder it is meant for. When all are complete they
are synced, moved into place, and the folders synced. Whatever fails before that removes the
temporary files; whatever fails while moving puts back what had been there. So a failure, a full
disk or Ctrl-C leaves the old files as they were. (If the power fails between two moves, a replaced
file may still lie under its temporary name, `.sherd-*`, beside the new ones.)

A file is opened again for each write when there are many, because 256 open files may be more than
the system allows.
"""

import errno
import os
import secrets
import stat

OPEN_MAX = 64  # files of one set that are kept open

_NO_HARD_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EACCES)


def _spare_name(directory):
    return os.path.join(directory, ".sherd-%s.tmp" % secrets.token_hex(8))


def _write_all(fd, data):
    view = memoryview(data)
    while len(view):
        view = view[os.write(fd, view) :]


def _forget(spare):
    """Remove a temporary file. It may be gone; and if it cannot be removed, nothing is wrong but that."""
    try:
        os.unlink(spare)
    except OSError:
        pass


def _sync_directory(directory):
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    except OSError as e:
        if e.errno not in (errno.EINVAL, errno.EROFS):  # some file systems cannot
            raise
    finally:
        os.close(fd)


class _NewFile:
    """One file of a set: written at `spare`, to be moved to `path`."""

    def __init__(self, path, overwrite, keep_open):
        self.path = os.path.realpath(path) if overwrite and os.path.islink(path) else path
        self.directory = os.path.dirname(self.path) or "."
        self.overwrite = overwrite
        self.keep_open = keep_open
        self.backup = None  # where the replaced file is, once published
        self.published = False
        mode = self._refuse_or_mode()
        self.fd = -1
        self.spare = _spare_name(self.directory)
        self.fd = os.open(
            self.spare, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666
        )
        try:
            if mode is not None:
                os.fchmod(self.fd, mode)
            self._rest()
        except BaseException:
            self.abort()
            raise

    def _refuse_or_mode(self):
        """The permissions of a file that will be replaced, None if there is none."""
        try:
            old = os.lstat(self.path)
        except FileNotFoundError:
            return None
        if not self.overwrite:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), self.path)
        if stat.S_ISDIR(old.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), self.path)
        if not stat.S_ISREG(old.st_mode):
            raise OSError(errno.EINVAL, "Not a regular file", self.path)
        return stat.S_IMODE(old.st_mode) & 0o777

    def _open(self):
        if self.fd < 0:
            self.fd = os.open(self.spare, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        return self.fd

    def _close(self):
        if self.fd >= 0:
            fd, self.fd = self.fd, -1
            os.close(fd)

    def _rest(self):
        if not self.keep_open:
            self._close()

    def append(self, data):
        fd = self._open()
        os.lseek(fd, 0, os.SEEK_END)
        _write_all(fd, data)
        self._rest()

    def overwrite_start(self, data):
        fd = self._open()
        os.lseek(fd, 0, os.SEEK_SET)
        _write_all(fd, data)
        self._rest()

    def sync(self):
        os.fsync(self._open())
        self._close()

    def publish(self):
        if self.overwrite:
            self._publish_over()
        else:
            self._publish_beside()

    def _publish_over(self):
        try:
            self._refuse_or_mode()
            spare = _spare_name(self.directory)
            try:
                os.link(self.path, spare, follow_symlinks=False)
            except OSError as e:
                if e.errno not in _NO_HARD_LINKS:
                    raise
                os.rename(self.path, spare)
            self.backup = spare
        except FileNotFoundError:
            self.backup = None
        try:
            os.replace(self.spare, self.path)
        except BaseException:
            self._restore_backup()
            raise
        self.published = True

    def _restore_backup(self):
        if self.backup:
            os.replace(self.backup, self.path)
            _forget(self.backup)  # still there if both names were links to one file
            self.backup = None

    def _publish_beside(self):
        try:
            os.link(self.spare, self.path, follow_symlinks=False)
            self.published = True
            os.unlink(self.spare)
        except OSError as e:
            if self.published or e.errno not in _NO_HARD_LINKS:
                raise
            os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))
            self.published = True
            os.replace(self.spare, self.path)

    def retract(self):
        """Undo publish()."""
        if self.published:
            self.published = False
            if self.backup:
                self._restore_backup()
            else:
                os.unlink(self.path)

    def forget_backup(self):
        if self.backup:
            _forget(self.backup)

    def abort(self):
        try:
            self._close()
        except OSError:
            pass
        _forget(self.spare)


class NewFiles:
    """A context manager: with NewFiles(paths, overwrite) as files: ... files.commit().

    Leaving the block without commit() having returned leaves no trace. Raises FileExistsError at
    once, before anything is written, if a path exists and overwrite is false. A file that is
    replaced keeps its permissions; a new one gets 0666 less the umask. One thread.
    """

    def __init__(self, paths, overwrite=False):
        self.files = []
        self.done = False
        try:
            for path in paths:
                self.files.append(_NewFile(path, overwrite, len(paths) <= OPEN_MAX))
        except BaseException:
            self._abort()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if not self.done:
            self._abort()

    def _abort(self):
        for new in self.files:
            new.abort()

    def append(self, index, data):
        """Write the bytes-like data at the end of file `index`."""
        self.files[index].append(data)

    def overwrite_start(self, index, data):
        """Write data over the first bytes of file `index`."""
        self.files[index].overwrite_start(data)

    def commit(self):
        """Sync all files and move all into place; on failure all is as before, and it raises."""
        for new in self.files:
            new.sync()
        try:
            for new in self.files:
                new.publish()
            for directory in {new.directory for new in self.files}:
                _sync_directory(directory)
        except BaseException:
            for new in reversed(self.files):
                new.retract()
            raise
        self.done = True
        for new in self.files:
            new.forget_backup()
