"""Common things by their German and Vietnamese names, for a model that was taught English.  Pure functions.

A word that is English too, and means something else there, counts only after an article: "das Boot", not "Boot".
"""

import unicodedata

_ARTICLES = frozenset(
    (
        *("der", "die", "das", "den", "dem", "ein", "eine", "einen", "einem", "alle"),
        *("con", "cái", "chiếc", "một", "những", "các", "mọi", "tất cả"),
    )
)
_OTHER_IN_ENGLISH = frozenset(["boot", "hut", "mast", "wand"])
# What the model calls it: how it is called in German, and in Vietnamese, forms separated by commas.
_NAMES = {
    "people": ("leute, menschen, personen, passanten", "mọi người, những người, đám đông"),
    "person": ("mensch, person", "người, con người"),
    "man": ("mann, männer", "đàn ông, người đàn ông"),
    "woman": ("frau, frauen", "phụ nữ, người phụ nữ, đàn bà"),
    "child": ("kind, kinder, junge, mädchen", "trẻ em, đứa trẻ, em bé, trẻ con"),
    "face": ("gesicht, gesichter", "khuôn mặt, gương mặt, mặt"),
    "dog": ("hund, hunde", "chó"),
    "cat": ("katze, katzen", "mèo"),
    "bird": ("vogel, vögel", "chim, chim chóc"),
    "horse": ("pferd, pferde", "ngựa"),
    "cow": ("kuh, kühe", "bò, trâu bò"),
    "sheep": ("schaf, schafe", "cừu"),
    "car": ("auto, autos, wagen, pkw", "xe hơi, ô tô, xe ô tô, oto"),
    "truck": ("lastwagen, lkw", "xe tải"),
    "bus": ("omnibus, busse", "xe buýt"),
    "bicycle": ("fahrrad, fahrräder", "xe đạp"),
    "motorcycle": ("motorrad, motorräder", "xe máy, xe mô tô"),
    "train": ("zug, züge, eisenbahn", "tàu hỏa, xe lửa, tàu hoả"),
    "airplane": ("flugzeug, flugzeuge", "máy bay"),
    "boat": ("boot, boote, schiff, schiffe", "thuyền, tàu, tàu thuyền"),
    "sign": ("schild, schilder, verkehrszeichen", "biển báo, biển hiệu, bảng hiệu"),
    "wire": ("draht, drähte, kabel, stromleitung, stromleitungen, leitung, leitungen", "dây điện, dây, dây cáp"),
    "traffic light": ("ampel, ampeln", "đèn giao thông, đèn đỏ"),
    "street lamp": ("straßenlaterne, straßenlaternen, laterne, laternen", "đèn đường, cột đèn"),
    "pole": ("pfosten, mast, masten", "cột, cột điện, trụ"),
    "fence": ("zaun, zäune", "hàng rào"),
    "rubbish bin": ("mülleimer, mülltonne, mülltonnen, abfalleimer, papierkorb", "thùng rác, sọt rác"),
    "litter": ("müll, abfall", "rác, rác thải"),
    "bench": ("parkbank, sitzbank", "ghế dài, ghế đá, băng ghế"),
    "tree": ("baum, bäume", "cây, cây cối, cây xanh"),
    "flower": ("blume, blumen, blüte, blüten", "hoa, bông hoa"),
    "grass": ("gras, rasen, wiese", "cỏ, bãi cỏ"),
    "sky": ("himmel", "bầu trời, trời"),
    "cloud": ("wolke, wolken", "mây, đám mây"),
    "mountain": ("gebirge, berge", "núi, ngọn núi"),
    "water": ("wasser", "nước"),
    "sea": ("meer", "biển"),
    "beach": ("strand, strände", "bãi biển"),
    "road": ("straße, straßen", "đường, con đường, đường phố"),
    "rock": ("stein, steine, fels, felsen", "đá, hòn đá, tảng đá"),
    "house": ("haus, häuser", "nhà, ngôi nhà"),
    "building": ("gebäude, hochhaus", "tòa nhà, toà nhà"),
    "wall": ("mauer, mauern, wand, wände", "tường, bức tường"),
    "window": ("fenster", "cửa sổ"),
    "door": ("tür, türen", "cửa, cánh cửa, cửa ra vào"),
    "chair": ("stuhl, stühle", "ghế, ghế tựa"),
    "table": ("tisch, tische", "bàn"),
    "lamp": ("lampe, lampen", "đèn, bóng đèn"),
    "bottle": ("flasche, flaschen", "chai, lọ"),
    "cup": ("tasse, tassen, becher", "cốc, ly, tách"),
    "book": ("buch, bücher", "sách, quyển sách, cuốn sách"),
    "bag": ("tasche, taschen, tüte", "túi, túi xách, giỏ xách"),
    "backpack": ("rucksack, rucksäcke", "ba lô, balo"),
    "hat": ("hut, hüte, mütze", "mũ, nón"),
    "glasses": ("brille, brillen", "kính, mắt kính, kính mắt"),
    "shoe": ("schuh, schuhe", "giày, đôi giày"),
    "umbrella": ("regenschirm, schirm, sonnenschirm", "ô, dù, cái ô"),
    "phone": ("handy, telefon", "điện thoại"),
    "ball": ("fußball, bälle", "bóng, quả bóng, trái bóng"),
    "balloon": ("luftballon, luftballons", "bong bóng, khinh khí cầu"),
}
_ENGLISH = {
    word.casefold(): english for english, names in _NAMES.items() for forms in names for word in forms.split(", ")
}


def in_english(text: str) -> str:
    """What the model calls it; the text itself where it is not in the table."""
    words = unicodedata.normalize("NFC", text).casefold().split()
    said = " ".join(words)
    known = None if said in _OTHER_IN_ENGLISH else _ENGLISH.get(said)
    for count in (1, 2):
        if known is None and " ".join(words[:count]) in _ARTICLES:
            known = _ENGLISH.get(" ".join(words[count:]))
    return known or text
