from eyebright.data.published.sets import SETS


def test_every_set_has_a_title_a_licence_and_the_files_of_its_format():
    for own in SETS.values():
        assert own.title and own.licence
        assert len({file.name for file in own.files}) == len(own.files) == {"idx": 4, "digits": 0}.get(own.format, 1)


def test_every_file_has_an_address_a_size_and_a_digest_of_its_own():
    files = [file for own in SETS.values() for file in own.files]
    assert all(file.size_bytes > 1000 and file.address.startswith("http") for file in files)
    assert all(len(bytes.fromhex(file.sha256)) == 32 for file in files)
    assert len({file.sha256 for file in files}) == len(files)


def test_sizes_add_up():
    assert SETS["cifar10"].size_bytes == 170_052_171
    assert SETS["mnist"].size_bytes == 9_912_422 + 28_881 + 1_648_877 + 4_542


def test_sets_whose_files_contain_only_numbers_name_their_classes():
    assert SETS["fashion-mnist"].classes[9] == "Ankle boot" and SETS["kmnist"].classes[0] == "お"
    assert len(SETS["fashion-mnist"].classes) == len(SETS["kmnist"].classes) == 10
