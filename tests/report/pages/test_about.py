from eyebright.report.pages.about import AboutRun
from eyebright.report.pages.run import run_page


def test_all_that_a_run_says_about_itself_stands_in_its_page(make_report, parsed):
    about = AboutRun(
        "photos", "1 May 2026", facts=[("Network", "lenet5")], commands=[("To predict:", "eyebright predict RUN")],
        data=["12 images."], sets=[("daisy", 1, 2, 3000)], settings="epochs = 3", repeat="eyebright train --config A",
        repeat_text="Again:", versions={"python": "3.11"},
    )  # fmt: skip
    page = parsed(run_page(make_report("daisy", "rose")._replace(about=about)))
    assert page.h1.text == "photos" and "1 May 2026" in page.select_one(".kicker").text
    assert [row.text for row in page.select_one(".facts")("dd")] == ["lenet5"]
    assert [cell.text for cell in page.select_one("#data ~ details tbody")("td")] == ["1", "2", "3,000"]
    for text in ("To predict:", "eyebright predict RUN", "12 images.", "epochs = 3", "Again:", "python 3.11."):
        assert text in page.text
    assert not page.select(".verdict")
