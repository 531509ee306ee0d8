def test_the_models_that_are_here_are_listed(call, keys):
    code, out, _ = call("models")
    assert code == 0 and all(key in out for key in keys.values())


def test_weights_without_a_record_are_listed_too(call, keys, monkeypatch):
    monkeypatch.setattr("tinylm.ledger.known", lambda: type("Empty", (), {"records": {}}))
    code, out, _ = call("models")
    lines = [line.split() for line in out.splitlines() if keys["last"] in line]
    assert code == 0 and lines[0][2:4] == ["-", "-"]
