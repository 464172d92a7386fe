"""How much memory can be had."""

from inference_server.imaging.files import memory


def test_files_that_a_container_has_read_do_not_count_as_used(tmp_path, monkeypatch):
    """After a model was downloaded and checked, they fill all of what it may use."""
    for name, content in (
        ("memory.max", "1000000"),
        ("memory.current", "990000"),
        ("memory.stat", "anon 90000\nfile 900000\ninactive_file 600000\nactive_file 300000\n"),
    ):
        (tmp_path / name).write_text(content)
    monkeypatch.setattr(memory, "GROUP", tmp_path)
    assert memory.available() == 910_000
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.available() != 910_000
