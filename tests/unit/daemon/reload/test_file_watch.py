"""A file is read again when it has changed and rests: whoever writes one writes it in steps."""

from __future__ import annotations

from mycel_runtime.daemon.reload.file_watch import FileWatch, look_at


def test_what_moves_is_read_when_it_rests_and_once(tmp_path):
    one, two = tmp_path / "one.toml", tmp_path / "two.toml"
    one.write_text("a")
    watched = FileWatch(look_at([one]))

    def changed():
        return watched.changed(look_at([one, two]))

    assert changed() == frozenset()
    two.write_text("half")
    assert changed() == frozenset()
    two.write_text("half and more")
    assert changed() == frozenset()
    assert changed() == {two}
    assert changed() == frozenset()
    one.unlink()
    assert [changed(), changed(), changed()] == [frozenset(), {one}, frozenset()]


def test_a_file_that_is_replaced_by_one_like_it_at_the_same_time_has_changed(tmp_path):
    """As editors do, which write beside and rename; what was put back meanwhile has not."""
    file, other = tmp_path / "one.toml", tmp_path / "other"
    file.write_text("a")
    before = look_at([file])
    watched = FileWatch(before)
    other.write_text("b")
    other.replace(file)
    now = look_at([file])

    assert [watched.changed(now), watched.changed(before), watched.changed(before)] == [frozenset()] * 3
    assert [watched.changed(now), watched.changed(now)] == [frozenset(), {file}]
