import builtins
import inspect

from digest import errors


def test_each_error_is_ours_and_a_standard_one():
    tree = [
        c for _, c in inspect.getmembers(errors, inspect.isclass) if c.__module__ == errors.__name__
    ]
    for error in set(tree) - {errors.DigestError}:
        assert issubclass(error, errors.DigestError)
        standard = [b for b in error.__mro__ if b.__name__ in vars(builtins)]
        assert standard[0] is not Exception, f"{error.__name__} is no standard-library type"


def test_the_drawn_tree_is_the_real_one():
    drawn = [line for line in (errors.__doc__ or "").splitlines() if "──" in line]
    depth = {line.split("── ")[1].split()[0]: line.index("──") for line in drawn}
    for name, indent in depth.items():
        parent = getattr(errors, name).__mro__[1]
        if parent is errors.DigestError:
            assert indent == min(depth.values()), name
        else:
            assert depth[parent.__name__] < indent, name
    ours = {n for n, c in vars(errors).items() if inspect.isclass(c)} - {"DigestError"}
    assert set(depth) == ours
