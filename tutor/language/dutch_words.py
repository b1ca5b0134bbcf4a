"""The Dutch words the tutor understands. Phrases are separated by bars; the longest one that fits is taken."""

from __future__ import annotations

from typing import Final

from tutor.language.cues import Cue

# A vocabulary is read by the line.
# fmt: off
CUES: Final = {
    Cue.PLOT: "hoe ziet | teken | tekenen | tekent | getekend | plot | plots | plotten | geplot | schets | schetsen"
    " | grafisch | visualiseer | visualiseren | laat de grafiek zien | laat de grafiek | laat een grafiek zien"
    " | toon de grafiek | toon een grafiek | geef de grafiek | geef een grafiek | geef me de grafiek | maak een grafiek"
    " | maak de grafiek | maak een plot | maak een tekening | in een grafiek | als grafiek | in grafiek | plaatje van"
    " | ziet eruit | eruitziet | eruit ziet | diagram | tekening | laat de kromme zien | grafiek maken"
    " | grafiek tekenen | de grafiek zien | een grafiek zien | grafiekje",
    Cue.DERIVATIVE: "afgeleide | afgeleiden | afgeleides | differentieer | differentiëren | differentieren | leid"
    " | helling | hellingsgetal | richtingscoëfficiënt | differentiatie | veranderingssnelheid | afgeleide functie",
    Cue.INTEGRAL: "integraal | integralen | integreer | integreren | primitieve | primitieven | primitieve functie"
    " | primitiveer | primitiveren | bepaalde integraal | onbepaalde integraal | integratie",
    Cue.AREA: "oppervlakte onder | oppervlakte onder de grafiek | oppervlakte onder de grafiek van"
    " | oppervlakte onder de kromme | oppervlakte onder de kromme van | oppervlakte tussen"
    " | oppervlakte tussen de grafieken | oppervlakte tussen de grafieken van | oppervlakte tussen de krommen"
    " | ingesloten oppervlakte | gebied tussen | gebied onder | oppervlak onder | oppervlak tussen",
    Cue.CONCAVE: "concaaf | concave",
    Cue.CONVEX: "convex | convexe",
    Cue.CURVATURE: "concaaf of convex | convex of concaaf | kromming | convexiteit",
    Cue.INFLECTION: "buigpunt | buigpunten",
    Cue.INCREASING: "stijgend | stijgt | stijgende | neemt toe | toenemend | groeit | monotoon stijgend"
    " | strikt stijgend",
    Cue.DECREASING: "dalend | daalt | dalende | neemt af | afnemend | monotoon dalend | strikt dalend",
    Cue.MONOTONY: "stijgend of dalend | dalend of stijgend | stijgend en dalend | monotonie | monotoon"
    " | stijgen en dalen",
    Cue.SOLVE: "los | oplossen | opgelost | oplossing | oplossingen | los op",
    Cue.ROOTS: "nulpunt | nulpunten | snijpunten met de x-as | snijpunt met de x-as | snijdt de x-as | de x-as snijdt"
    " | gelijk aan nul | nulwaarden | wortels van de vergelijking | nul",
    Cue.EVALUATE: "vul in | invullen | vul | functiewaarde | functiewaarden | waarde | waarden | waardes",
    Cue.MAXIMUM: "maximum | maxima | hoogste punt | grootste waarde | hoogste waarde | maximale waarde | maximaal"
    " | maximaliseer | max | toppunt maximum",
    Cue.MINIMUM: "minimum | minima | laagste punt | kleinste waarde | laagste waarde | minimale waarde | minimaal"
    " | minimaliseer | min",
    Cue.EXTREMA: "extremen | extreem | extreme waarden | extreme waarde | extreme punten | toppen | top van de parabool"
    " | toppunt | toppunten | uiterste waarden | minimum en maximum | maximum en minimum | maxima en minima"
    " | minima en maxima | maximum of minimum | minimum of maximum | min en max | max en min",
    Cue.LIMIT: "wat gebeurt er met | limiet | limieten | lim | grenswaarde",
    Cue.TABLE: "tabel | waardentabel | waardetabel | tabel van | als csv | csv | csv-bestand met de waarden",
    Cue.SIMPLIFY: "vereenvoudig | vereenvoudigen | vereenvoudigd | vereenvoudiging | herleid | herleiden",
    Cue.EXPAND: "werk de haakjes | haakjes wegwerken | werk | uitwerken | uitgewerkt | werk haakjes weg",
    Cue.FACTOR: "ontbind | ontbinden | ontbind in factoren | in factoren ontbinden | factoriseer | factoriseren"
    " | ontbinding | in factoren",
    Cue.INTERSECTION: "snijpunt | snijpunten | snijden elkaar | snijden | snijdt | kruisen elkaar | kruisen | kruist"
    " | elkaar snijden | elkaar kruisen | ontmoeten",
    Cue.INTERCEPT: "snijpunt met de y-as | snijdt de y-as | snijpunten met de y-as",
    Cue.TANGENT: "raaklijn | raaklijnen | vergelijking van de raaklijn",
    Cue.ANALYSIS: "functieonderzoek | onderzoek | onderzoeken | analyseer | analyseren | analyse | bespreek",
    Cue.NORMAL: "normaal | normaallijn | vergelijking van de normaal",
    Cue.DOMAIN: "domein | definitiegebied",
    Cue.VALUES_TAKEN: "bereik | waardenbereik | waardenverzameling",
    Cue.PARITY: "even of oneven | oneven of even | even functie | oneven functie | even | oneven | symmetrie"
    " | symmetrisch | pariteit",
    Cue.INVERSE: "inverse | inverse functie | omgekeerde functie | inverse van | inverteerbaar",
    Cue.ASYMPTOTES: "asymptoot | asymptoten | verticale asymptoot | verticale asymptoten | horizontale asymptoot"
    " | horizontale asymptoten | scheve asymptoot",
    Cue.PERIODIC: "periode | periode van | periodiek",
    Cue.FIND: "vergelijk | vergelijking van | schrijf | bereken | berekenen | bepaal | bepalen | vind | vinden | wat is | wat zijn | wat wordt | geef"
    " | geef me | reken | reken uit | uitrekenen | hoeveel is | hoeveel zijn | waar is | waar zijn | waar ligt"
    " | waar liggen | welke | welk | voor welke | toon | laat zien | laat | laat me zien | noem | zoek | wanneer is"
    " | wanneer | waar | wat | wat krijg je voor | hoe groot is | hoe hoog is | hoe luidt | wat levert | in welke punten"
    " | in welk punt | op welke punten | maak | zeg me | vertel me",
    Cue.MEAN: "gemiddelde | gemiddelden | gemiddeld | doorsnee | rekenkundig gemiddelde",
    Cue.MEDIAN: "mediaan",
    Cue.DEVIATION: "standaardafwijking | standaarddeviatie | spreiding",
    Cue.VARIANCE: "variantie",
    Cue.TOTAL: "som | totaal | totale | totalen | tel op",
    Cue.COUNT: "aantal keren | hoeveel | aantallen | hoe vaak",
    Cue.CORRELATION: "correlatie | correlatiecoëfficiënt | gecorreleerd | samenhang | verband",
    Cue.DESCRIBE: "samenvatting | statistieken | overzicht | beschrijf | kengetallen | statistiek | vat samen",
    Cue.HISTOGRAM: "histogram | histogrammen | verdeling",
    Cue.SCATTER: "spreidingsdiagram | scatterplot | scatter plot | puntenwolk | puntgrafiek | strooidiagram | scatter",
    Cue.BARS: "staafdiagram | balkdiagram | staafgrafiek | kolomdiagram | staven | staafjes | balkgrafiek",
    Cue.LINES: "lijndiagram | lijngrafiek | tijdreeks | lijn | lijnen | als lijn",
    Cue.BOXES: "boxplot | boxplots | box plot",
    Cue.PIE: "taartdiagram | cirkeldiagram | taartgrafiek | taartpunt",
    Cue.TREND: "trend | trendlijn | regressie | regressielijn | lineaire regressie | best passende lijn",
    Cue.AGAINST: "tegen | tegenover | versus | vs | uitgezet tegen | afgezet tegen",
    Cue.BY: "per | gegroepeerd per | voor elke | voor elk | voor iedere | uitgesplitst naar | gesplitst naar",
    Cue.OVER: "over de tijd | door de tijd | in de tijd",
    Cue.COLUMN: "welke kolommen | kolomnamen | namen van de kolommen | kolom | kolommen | wat zijn de kolommen",
    Cue.FILE: "bestand | csv-bestand | csv-data | gegevens | data | dataset | bijlage | excel | excelbestand"
    " | toegevoegde bestand | geüploade bestand",
    Cue.ROWS: "rijen | rij | regels | records",
    Cue.MISSING: "ontbrekende | ontbrekende waarden | ontbreken | ontbreekt | lege cellen | lege velden | missende"
    " | missende waarden",
    Cue.PERIOD: "maand | maanden | maandelijks | per maand | jaar | jaarlijks | per jaar | kwartaal | per kwartaal"
    " | per week | wekelijks | per dag | dagelijks",
    Cue.BINS: "klassen | bakken",
    Cue.DISTINCT: "verschillende | unieke",
    Cue.HIGHEST: "duurste | duurst | ranglijst | nieuwste | meest recente | sorteer | gesorteerd | sorteren | het best | het beste | het hoogst | hoogste | grootste | meeste | top | beste | het meest | meest",
    Cue.LOWEST: "goedkoopste | goedkoopst | oudste | vroegste | het slechtst | het laagst | laagste | kleinste | minste | slechtste | het minst | minst",
    Cue.SHARE: "hoeveel procent | welk percentage | welk aandeel | welk deel | aandeel | aandelen | procent"
    " | percentage | percentages",
    Cue.AND: "en | samen met | met | evenals | plus nog",
    Cue.OR: "of | of niet",
    Cue.FROM: "van | vanaf | from",
    Cue.TO: "tot | tot en met | t/m | to | tot aan",
    Cue.BETWEEN: "tussen",
    Cue.FOR: "voor | als | indien | waarbij | zodat | gegeven | stel | met de waarde | neem | gesteld",
    Cue.AT: "bij | aan | in het punt | op het punt | in punt",
    Cue.ON: "op | in | op het interval | in het interval | binnen | interval | op het domein | met grenzen",
    Cue.OF: "of the",
    Cue.BE: "is | zijn | heeft | hebben | was | wordt | worden | bestaat | ben",
    Cue.RESPECT: "naar | naar de variabele | met betrekking tot | ten opzichte van | wrt",
    Cue.UNKNOWN: "variabele | variabelen | onbekende | onbekenden | parameter | parameters | constante",
    Cue.APPROACHES: "gaat naar | naar oneindig | nadert | nadert tot | naar toe gaat | gaat | streeft naar",
    Cue.THEN: "dan | daarna | vervolgens | eerst | ten slotte | tenslotte",
    Cue.ALSO: "ook | tevens | daarnaast | erbij | voeg | toe | voeg toe | en ook | ook nog | daarbij",
    Cue.FIRST: "eerste | 1e",
    Cue.SECOND: "tweede | 2e | twee keer",
    Cue.THIRD: "derde | 3e",
    Cue.FOURTH: "vierde | 4e",
    Cue.LEFT: "van links | vanaf links | links | linkerlimiet | van onderen",
    Cue.RIGHT: "van rechts | vanaf rechts | rechterlimiet | van boven",
    Cue.INTERVAL: "intervallen",
    Cue.STEP: "stap | stappen | stapgrootte | in stappen van | met stappen van | met stapgrootte",
    Cue.POINTS: "punten | datapunten | meetpunten",
    Cue.SYSTEM: "stelsel | stelsel vergelijkingen | stelsel van vergelijkingen | beide vergelijkingen | stelsels",
    Cue.POSITIVE: "positief | positieve",
    Cue.NEGATIVE: "negatief | negatieve",
    Cue.REAL: "in de reële getallen | reële getallen | reëel | reële",
    Cue.COMPLEX: "in de complexe getallen | complexe getallen | complex | complexe",
    Cue.GREATEST: "globaal | globale | absolute | absoluut",
    Cue.LOCAL: "lokaal | lokale | relatieve",
    Cue.DIFFERENTIAL: "dx | dt | dy | dz",
    Cue.PLACES: "decimalen | cijfers achter de komma | cijfers na de komma | decimaal",
    Cue.X_AXIS: "x-as",
    Cue.Y_AXIS: "y-as",
    Cue.WITHOUT: "zonder | geen",
    Cue.NOT: "niet",
    Cue.BOTH: "beide | allebei | alle twee",
    Cue.IT: "het | hem | ze",
    Cue.PRONOUN: "dit | dat | die | deze | daarvan | ervan | zijn afgeleide | haar | zelfde | dezelfde | hetzelfde"
    " | die daar | vorige | elkaar",
    Cue.FUNCTION: "functie | functies | kromme | krommen | formule | uitdrukking | parabool | term | rechte | polynoom"
    " | veelterm | breuk",
    Cue.GRAPH: "grafiek | grafieken | grafiek van | grafieken van | grafiek van de functie | functiegrafiek",
    Cue.EQUATION: "vergelijking | vergelijkingen | ongelijkheid | ongelijkheden | opgave | opgaven | som van de vergelijking",
    Cue.EXPLAIN: "leg uit | uitleg | waarom | hoe | stap voor stap | verklaar | uitleggen | toelichting | hoe dan",
    Cue.AGAIN: "hoe zit het met | en hoe zit het met | wat dacht je van | en wat met | wat met | nu | in plaats daarvan"
    " | nog een keer | opnieuw | hetzelfde voor | doe hetzelfde voor | maar | en voor",
    Cue.FILLER: "de | een | der | alsjeblieft | alstublieft | aub | a.u.b. | svp | kan | kun | kunt | kunnen | zou | je"
    " | jij | u | ik | mij | me | mijn | wij | we | ons | wil | willen | graag | even | eens | nou | dus | zo"
    " | oké | ok | maar even | uit | af | om | te | er | hier | eruit | eruitziet | zien | weten | weg | door"
    " | als breuk | als decimaal getal | als decimaal | exact | precies | python | code | programma | huiswerk | vraag"
    " | volgende | getal | getallen | antwoord | resultaat | punt | alle | elke | elk | ieder | iedere | enige"
    " | of het | jou | jouw | uw | school | toets | examen | wiskunde | rekenen | som maken | hulp | help | helpen"
    " | nodig | hallo daar | doen | gaan | ziet | alleen | gewoon | snel | mooi | goed | ongeveer | afgerond | plaatje"
    " | assen | titel | raster | rooster | legenda | in één diagram | in één grafiek | in een figuur | in dezelfde grafiek"
    " | in hetzelfde diagram | samen | tegelijk | bestaan | gegeven door | genaamd | lineaire | kwadratische"
    " | moet | moeten | mag | nog | wel | hoor | dank alvast | maken | krijg | krijgen | ding | verloop | vorm"
    " | verkoopt | verkocht | verkochte | staat | staan | erin | vertel | juist | klopt | echt | eigenlijk | geven | zeg | zeggen | laten | klaar",
    Cue.HELLO: "hallo | hoi | hey | dag | goedemorgen | goedemiddag | goedenavond | goedendag | hoe gaat het"
    " | hoe gaat het met je",
    Cue.THANKS: "bedankt | dank je | dank je wel | dankjewel | dank u | dank u wel | dankuwel | merci | super | top bedankt"
    " | hartelijk dank | fijn | geweldig | prima | mooi zo | thanks",
    Cue.HELP: "help me | wat kan je | wat kun je | wat kan jij | wie ben je | wat ben je | wie ben jij"
    " | wat kan je allemaal | wat kun je allemaal | wat kan je doen | wat kun je doen | hoe werk je | hoe werkt dit"
    " | kan je me helpen | kun je me helpen | kun je helpen | kan je helpen | wat kan ik vragen | wat kan ik je vragen"
    " | wat doe je | ben je een robot | ben je een mens | ben je chatgpt | ben jij chatgpt",
    Cue.GOODBYE: "doei | tot ziens | dag dag | tot straks | fijne dag",
    Cue.UNABLE: "differentiaalvergelijking | differentiaalvergelijkingen | matrix | matrices | determinant"
    " | eigenwaarde | eigenwaarden | vector | vectoren | kans | kansen | waarschijnlijkheid | taylor | taylorreeks"
    " | reeks | priemgetal | priemgetallen | priem | inhoud | volume | bewijs | bewijzen | afstand | omtrek | driehoek"
    " | cirkel | hoek | rente | ggd | kgv | partiële | booglengte | rest | deelbaar | continu | differentieerbaar",
}

OPERATORS: Final = {
    "plus": "+", "min": "-", "keer": "*", "maal": "*", "vermenigvuldigd met": "*", "gedeeld door": "/", "delen door": "/",
    "tot de macht": "**", "tot de": "**", "gelijk aan": "=", "is gelijk aan": "=", "is": "=", "groter dan": ">",
    "is groter dan": ">", "kleiner dan": "<", "is kleiner dan": "<", "minstens": ">=", "hoogstens": "<=",
    "ten minste": ">=", "ten hoogste": "<=", "groter dan of gelijk aan": ">=", "kleiner dan of gelijk aan": "<=",
    "groter of gelijk aan": ">=", "kleiner of gelijk aan": "<=", "procent van": "% *", "over": "/",
}
POSTFIXES: Final = {
    "kwadraat": "** 2", "in het kwadraat": "** 2", "tot de derde": "** 3", "tot de tweede": "** 2",
    "tot de derde macht": "** 3", "faculteit": "!", "graden": "°", "graad": "°", "procent": "%",
}
PREFIXES: Final = {
    "wortel van": "sqrt", "wortel uit": "sqrt", "de wortel van": "sqrt", "vierkantswortel van": "sqrt",
    "de vierkantswortel van": "sqrt", "wortel": "sqrt", "derdemachtswortel van": "cbrt",
    "de derdemachtswortel van": "cbrt", "sinus van": "sin", "cosinus van": "cos", "tangens van": "tan",
    "logaritme van": "log", "natuurlijke logaritme van": "ln", "de natuurlijke logaritme van": "ln",
    "absolute waarde van": "Abs", "de absolute waarde van": "Abs",
}
FORMULAS: Final = {
    "sinus": "sin(x)", "cosinus": "cos(x)", "sinusfunctie": "sin(x)", "cosinusfunctie": "cos(x)",
    "sinusgolf": "sin(x)", "cosinusgolf": "cos(x)", "sinuskromme": "sin(x)", "tangensfunctie": "tan(x)",
    "exponentiële functie": "exp(x)", "e-macht": "exp(x)", "natuurlijke logaritme": "ln(x)", "wortelfunctie": "sqrt(x)",
    "standaardparabool": "x**2", "normale verdeling": "exp(-x**2/2)/sqrt(2*pi)",
    "klokkromme": "exp(-x**2/2)/sqrt(2*pi)", "eenheidscirkel": "x**2 + y**2 = 1",
}
NUMBERS: Final = {
    "nul": "0", "een half": "1/2", "half": "1/2", "één": "1", "twee": "2", "drie": "3", "vier": "4", "vijf": "5",
    "zes": "6", "zeven": "7", "acht": "8", "negen": "9", "tien": "10", "twaalf": "12", "honderd": "100",
}
